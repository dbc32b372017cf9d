"""MySQL and MariaDB over PyMySQL: statements from checked trees, in read-only transactions of a role with few rights."""
