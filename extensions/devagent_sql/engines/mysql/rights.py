"""What a login may do: no more than reading and changing rows outside the server's own schemas."""

import re

from devagent_sql.engines.mysql.session import Session

_HARMLESS_RIGHTS = frozenset(
    ("USAGE", "SELECT", "SHOW VIEW", "SHOW DATABASES", "INSERT", "UPDATE", "DELETE")
)
SYSTEM = ("mysql", "information_schema", "performance_schema", "sys", "ndbinfo")
_GRANT = re.compile(r"GRANT (?P<rights>.+?) ON (?P<on>\S+(?: \S+)?) TO ", re.DOTALL)


def may_more(session: Session) -> bool:
    """Whether the login, its active roles among it, may more than that."""
    return any(map(_is_powerful, _grants(session)))


def _grants(session: Session) -> list[str]:
    """What the login may do, its active roles' rights among them."""
    ((active,),) = session.rows("SELECT CURRENT_ROLE()")
    if session.is_mariadb or active in (None, "NONE"):
        rows = session.rows("SHOW GRANTS")
        if active not in (None, "NONE"):
            rows += session.rows("SHOW GRANTS FOR CURRENT_ROLE")
    else:
        # MySQL writes them as they stand after USING: `reader`@`%`, `writer`@`%`.
        rows = session.rows(f"SHOW GRANTS FOR CURRENT_USER() USING {active}")
    return [str(row[0]) for row in rows]


def _is_powerful(grant: str) -> bool:
    """Whether a line of SHOW GRANTS gives more than reading and changing rows outside the server's own schemas."""
    found = _GRANT.match(grant)
    if found is None:
        return not grant.startswith("GRANT `") and not grant.startswith("SET DEFAULT ROLE")
    rights = re.sub(r"\([^)]*\)", "", found["rights"])
    if {right.strip() for right in rights.split(",")} - _HARMLESS_RIGHTS or "GRANT OPTION" in grant:
        return True
    schema, _, table = found["on"].rpartition(".")
    schema = schema.strip("`").replace("``", "`")
    every = table == "*"  # only then is the schema's name a pattern
    # Whoever may read every schema may read the server's own: passwords among them.
    reached = any(_is_like(schema, name) if every else schema == name for name in SYSTEM)
    return (schema == "*" or reached) and rights.strip() not in ("USAGE", "SHOW DATABASES")


def _is_like(pattern: str, name: str) -> bool:
    """As LIKE has it: ``%`` any run, ``_`` any character, a backslash before one that stands for itself."""
    parts: list[str] = re.findall(r"\\?.", pattern, re.DOTALL)
    spelled = "".join({"%": ".*", "_": "."}.get(part, re.escape(part[-1])) for part in parts)
    return re.fullmatch(spelled, name, re.DOTALL | re.IGNORECASE) is not None
