"""DuckDB in a child process of its own: locked configuration, no files but the one, statements from checked trees."""
