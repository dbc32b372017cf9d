"""Which patterns may stand in a policy file. A pattern that could never match is a slip, and refused."""

from devagent.core.resources import SEPARATORS
from devagent.policy.checks import Refusal, listed, name_of, shortened, text
from devagent.policy.names import did_you_mean
from devagent.policy.positions import Path

PRINCIPALS = ("user", "group", "agent", "ci", "for")


def globs(value: object, path: Path) -> tuple[str, ...]:
    """Patterns of labels: any text that is not empty."""
    return tuple(glob(one, (*path, i)) for i, one in enumerate(listed(value, path)))


def glob(value: object, path: Path) -> str:
    given = text(value, path)
    if not given:
        raise _bad(path, given, "it is empty")
    if "***" in given:
        raise _bad(path, given, "three stars mean nothing", "Write ** for any run at all.")
    if not given.isprintable():
        raise _bad(path, given, "it has a control character")
    return given


def principals(value: object, path: Path) -> tuple[str, ...]:
    return tuple(_principal(one, (*path, i)) for i, one in enumerate(listed(value, path)))


def tools(value: object, path: Path) -> tuple[str, ...]:
    return tuple(_tool(one, (*path, i)) for i, one in enumerate(listed(value, path)))


def resources(value: object, path: Path) -> tuple[str, ...]:
    return tuple(resource(one, (*path, i)) for i, one in enumerate(listed(value, path)))


def resource(value: object, path: Path) -> str:
    """``kind:pattern`` with a known kind."""
    given = glob(value, path)
    kind, colon, rest = given.partition(":")
    if not colon:
        raise _bad(path, given, "it names no kind", _with_kind(given))
    if kind not in SEPARATORS:
        what = f'there is no kind "{shortened(kind)}"'
        raise _bad(path, given, what, did_you_mean(kind, SEPARATORS))
    if not rest:
        raise _bad(path, given, "nothing follows the kind", f'Write "{kind}:**" for all of them.')
    return given


def _with_kind(given: str) -> str:
    if given in ("*", "**"):
        return "Leave resources out to match every one."
    return f'Write for example "path:{shortened(given)}".'


def _principal(value: object, path: Path) -> str:
    given = glob(value, path)
    kind, colon, rest = given.partition(":")
    if kind.startswith("*"):
        return given
    if not colon:
        hint = f'Write "user:{shortened(given)}" or "group:{shortened(given)}".'
        raise _bad(path, given, "it names no kind of principal", hint)
    if kind not in PRINCIPALS:
        what = f'there is no kind of principal "{shortened(kind)}"'
        raise _bad(path, given, what, did_you_mean(kind, PRINCIPALS))
    if not rest:
        raise _bad(path, given, "nothing follows the kind", f'Write "{kind}:*" for all of them.')
    return given


def _tool(value: object, path: Path) -> str:
    given = glob(value, path)
    if "." not in given and "**" not in given:
        hint = 'Write "**" for every tool.' if given == "*" else f'Write "{shortened(given)}.*".'
        raise _bad(path, given, "a tool is called extension.tool", hint)
    return given


def _bad(path: Path, given: str, why: str, hint: str = "") -> Refusal:
    return Refusal(path, f'{name_of(path)} "{shortened(given)}" is no pattern: {why}', hint)
