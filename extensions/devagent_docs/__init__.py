"""Documentation search for devagent: answers with collection, version, heading and line, offline."""

__version__ = "0.1.0"
