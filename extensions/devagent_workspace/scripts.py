"""Small programs that stand in arguments: which sed and awk programs only read and print."""

import re

_ADDRESS = re.compile(
    r"(?:\d+(?:~\d+)?|\$|/(?:[^/\\\n]|\\.)*/I?)(?:[ \t]*,[ \t]*(?:[+~]?\d+|\$|/(?:[^/\\\n]|\\.)*/I?))?"
)
_SIMPLE = re.compile(
    r"[dDgGhHnNpPxz=]|[lqQ][ \t]*\d*|[btT][ \t]*\w*|:[ \t]*\w+|[aic](?:\\\n|\\?[ \t]*)[^\n]*|[{}]|#[^\n]*"
)
_FLAGS = re.compile(r"[gpiI\d]*")
_AWK_RUNS = re.compile(
    r"system|getline|@|(?<!\|)\|(?!\|)|close|fflush|ENVIRON|ARGV|PROCINFO|RS\b.*\bnamespace"
)

_AWK_TEXT = re.compile(r'"(?:[^"\\\n]|\\.)*"')


def sed_is_plain(script: str) -> bool:
    """Whether the script neither runs a command (``e``) nor reads or writes files (``r``, ``w``)."""
    at, size = 0, len(script)
    while at < size:
        if script[at] in " \t\n;":
            at += 1
            continue
        address = _ADDRESS.match(script, at)
        if address is not None:
            at = address.end()
        while at < size and script[at] in " \t!":
            at += 1
        if at == size:
            return False
        if script[at] in "sy":
            substitute = script[at] == "s"
            at = _delimited(script, at + 1)
            if at < 0:
                return False
            if substitute:
                flags = _FLAGS.match(script, at)
                at = flags.end() if flags is not None else at
        else:
            simple = _SIMPLE.match(script, at)
            if simple is None:
                return False
            at = simple.end()
            if simple[0] in "{}":
                continue
        while at < size and script[at] in " \t":
            at += 1
        if at < size and script[at] not in ";\n}":
            return False
    return True


def _delimited(script: str, at: int) -> int:
    """The end of ``/a/b/`` from its first delimiter on, or -1."""
    if at >= len(script) or script[at] in "\\\n":
        return -1
    sign, left = script[at], 2
    at += 1
    while at < len(script):
        if script[at] == "\\":
            at += 1
        elif script[at] == sign:
            left -= 1
            if not left:
                return at + 1
        at += 1
    return -1


def awk_is_plain(program: str) -> bool:
    """Whether the program runs no command and opens no file by itself.

    Where it prints, every ``>`` that is not in a text may be a redirection: only a program that compares
    before it prints, or nowhere, is plain.
    """
    if _AWK_RUNS.search(program) is not None:
        return False
    _, printed, after = program.partition("print")
    if not printed or ">" not in after:
        return True
    bare = _AWK_TEXT.sub('""', after)
    return ">" not in bare and "/" not in bare  # a quote in a pattern begins no text
