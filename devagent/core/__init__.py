"""Floor 0: the words every floor shares. Standard library and msgspec only; no I/O."""
