"""Canonical JSON as TUF signs it (OLPC's): what a signature in a metadata file covers.

Unlike ``core.codec.canonical`` it escapes nothing but the quote and the backslash, and knows no fractions.
"""

from typing import Any

from devagent.policy.plain import is_list, is_table


def signed_bytes(value: Any) -> bytes:
    """The bytes that are signed for this JSON value. Raises ValueError for what the form cannot say."""
    out: list[str] = []
    _encode(value, out)
    try:
        return "".join(out).encode()
    except UnicodeEncodeError as e:
        raise ValueError("a text is not well-formed") from e


def _encode(value: Any, out: list[str]) -> None:
    match value:
        case str():
            out.append('"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"')
        case True:
            out.append("true")
        case False:
            out.append("false")
        case None:
            out.append("null")
        case int():
            out.append(str(value))
        case _ if is_list(value):
            out.append("[")
            for number, one in enumerate(value):
                if number:
                    out.append(",")
                _encode(one, out)
            out.append("]")
        case _ if is_table(value):
            out.append("{")
            for number, key in enumerate(sorted(value)):
                if number:
                    out.append(",")
                _encode(key, out)
                out.append(":")
                _encode(value[key], out)
            out.append("}")
        case _:
            raise ValueError(
                "metadata holds whole numbers, texts, truth values, lists and tables only"
            )
