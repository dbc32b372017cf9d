"""PostgreSQL over psycopg 3: statements from checked trees, in read-only transactions of a role with few rights."""
