"""Markdown as it arrives: what was given out is final, whatever comes after it."""
