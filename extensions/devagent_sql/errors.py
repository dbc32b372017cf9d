"""Expected failures.

A message here is always our own. An engine's message quotes values and names out of the database,
so it is used to choose a class and never shown.
"""

from typing import Literal

ErrorClass = Literal[
    "bad_arguments",
    "bad_settings",
    "unknown_source",
    "unknown_tool",
    "unsupported_engine",
    "unsupported_obligation",
    "no_such_database",
    "outside_workspace",
    "not_a_database",
    "cannot_open",
    "corrupt",
    "locked",
    "read_only",
    "no_such_table",
    "no_such_column",
    "ambiguous_column",
    "unsupported_table",
    "syntax",
    "invalid",
    "not_a_query",
    "many_statements",
    "forbidden_statement",
    "forbidden_function",
    "unbounded_recursion",
    "masked_join",
    "masked_index",
    "timeout",
    "too_large",
    "bad_text",
    "bad_value",
    "type_mismatch",
    "grouping",
    "unsupported_syntax",
    "masked_view",
    "small_group",
    "permission_denied",
    "login_refused",
    "unreachable",
    "elevated_role",
    "driver_missing",
    "changed",
    "side_effects",
    "file_exists",
]


class SqlError(Exception):
    """A call that cannot be carried out. ``error`` is the class, the message is safe to show."""

    def __init__(self, error: ErrorClass, message: str) -> None:
        super().__init__(message)
        self.error: ErrorClass = error
