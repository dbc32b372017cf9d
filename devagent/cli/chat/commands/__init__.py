"""What the chat's commands do, by subject; ``slash`` has their table."""
