"""devagent: a developer agent that acts only as far as policy permits, and proves what it did."""

__version__ = "0.1.0"
