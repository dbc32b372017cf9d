"""SQLite, with its own authorizer and its own programs as witnesses of what a statement reads."""
