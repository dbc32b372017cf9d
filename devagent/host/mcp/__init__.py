"""Servers of third parties that speak the Model Context Protocol: what each is, and all that passes between it and the house."""
