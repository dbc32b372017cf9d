"""Floor 3: the loop, the gate and the history. They know ports, no vendor."""
