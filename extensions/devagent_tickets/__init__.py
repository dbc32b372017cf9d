"""Tickets for devagent: the tracker that a team has, and one for those who have none."""

__version__ = "0.1.0"
