"""Governed SQL: one read-only statement at a time, and the truth about what it reads."""

__version__ = "0.1.0"
