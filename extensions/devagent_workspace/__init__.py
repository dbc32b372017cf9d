"""Files and shell for devagent: read, write, edit, list, find, search and run in one workspace."""

__version__ = "0.1.0"
