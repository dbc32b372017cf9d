"""Redaction: what must not be kept is replaced once, in the writer, before anything reaches the disk."""
