"""Git for devagent: status, history, diffs, commits, branches and remotes of one workspace."""

__version__ = "0.1.0"
