"""A small reference collector: a witness for tests and small teams (C2SP tlog-witness over HTTP, SQLite)."""
