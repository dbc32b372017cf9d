"""Markdown: read (headings, lists, code, quotes, tables, rules, emphasis, links) and written."""

import re

from devagent_tickets.rich.tree import (
    DEEPEST,
    Block,
    Blocks,
    Code,
    Heading,
    Items,
    Paragraph,
    Quote,
    Rule,
    Run,
    Runs,
    Table,
    joined,
)

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})[ \t]*([^`\s]*)[^`]*$")
_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$")
_RULE = re.compile(r" {0,3}(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})$")
_ITEM = re.compile(r"( {0,3})([-*+]|\d{1,9}[.)])([ \t]+|$)(.*)$")
_BOX = re.compile(r"\[([ xX])\][ \t]+")
_QUOTE = re.compile(r" {0,3}> ?")
_DIVIDER = re.compile(r" {0,3}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$")
_SIGN = r"(?:\\.|[^\\])"
"""A sign, with the backslash before it that makes it one of the text's own: a mark does not end there."""
_INLINE = re.compile(
    r"\\(?P<escaped>[!-/:-@\[-`{-~])"
    r"|(?P<ticks>`+)(?P<code>.+?)(?<!`)(?P=ticks)(?!`)"
    r"|!?\[(?P<label>(?:[^\[\]\\]|\\.|\[[^\[\]]*\])*)\]\(\s*<?(?P<target>[^\s<>()]*(?:\([^\s<>()]*\)[^\s<>()]*)*)>?(?:\s+\"[^\"]*\")?\s*\)"
    r"|<(?P<auto>https?://[^\s<>]+|mailto:[^\s<>]+)>"
    r"|(?P<bare>https?://[^\s<>()\[\]]*[^\s<>()\[\].,;:!?'\"*_~`])"
    rf"|\*\*(?P<strong>(?=\S){_SIGN}+?(?<=\S))\*\*(?!\*)|(?<!\w)__(?P<strong_>(?=\S){_SIGN}+?(?<=\S))__(?!\w)"
    rf"|~~(?P<strike>(?=\S){_SIGN}+?(?<=\S))~~"
    rf"|\*(?P<em>(?=[^\s*]){_SIGN}+?(?<=[^\s*]))\*(?!\*)|(?<!\w)_(?P<em_>(?=[^\s_]){_SIGN}*?(?<=[^\s_]))_(?!\w)"
    r"|(?P<hard>(?: {2,}|\\)\n)|(?P<soft>\n)",
    re.DOTALL,
)
_TO_ESCAPE = re.compile(r"([\\`*\[\]<]|~~|(?<!\w)_|_(?!\w))")
_STARTS = re.compile(r"^(\s{0,3})([-+>#=]|\d{1,9}[.)](?=\s|$)|\|)", re.MULTILINE)
_LONGEST = 20_000
"""Characters of a paragraph in which marks are looked for; a longer one is read as plain text."""


def read(text: str) -> Blocks:
    """The blocks of a text."""
    return _blocks(text.replace("\r\n", "\n").expandtabs(4).split("\n"), 0)


def write(blocks: Blocks) -> str:
    """The text of blocks."""
    return "\n\n".join(_written(block) for block in blocks).strip("\n")


def _blocks(lines: list[str], depth: int) -> Blocks:
    out: list[Block] = []
    at = 0
    while at < len(lines):
        line = lines[at]
        if not line.strip():
            at += 1
        elif fence := _FENCE.match(line):
            end = at + 1
            close = re.compile(rf" {{0,3}}{re.escape(fence[1][0])}{{{len(fence[1])},}}[ \t]*$")
            while end < len(lines) and not close.match(lines[end]):
                end += 1
            out.append(Code("\n".join(lines[at + 1 : end]), fence[2]))
            at = end + 1
        elif heading := _HEADING.match(line):
            out.append(Heading(len(heading[1]), inline(heading[2] or "")))
            at += 1
        elif _RULE.match(line):
            out.append(Rule())
            at += 1
        elif _QUOTE.match(line) and depth < DEEPEST:
            end = at
            while (
                end < len(lines)
                and lines[end].strip()
                and (_QUOTE.match(lines[end]) or not _begins(lines[end]))
            ):
                end += 1
            out.append(
                Quote(_blocks([_QUOTE.sub("", one, count=1) for one in lines[at:end]], depth + 1))
            )
            at = end
        elif _ITEM.match(line) and depth < DEEPEST:
            block, at = _items(lines, at, depth)
            out.append(block)
        elif (
            at + 1 < len(lines)
            and "|" in line
            and _DIVIDER.match(lines[at + 1])
            and "|" in lines[at + 1]
        ):
            end = at + 2
            while end < len(lines) and lines[end].strip() and "|" in lines[end]:
                end += 1
            rows = [lines[at], *lines[at + 2 : end]]
            out.append(Table(tuple(tuple(inline(cell) for cell in _cells(row)) for row in rows)))
            at = end
        elif line.startswith("    "):
            end = at
            while end < len(lines) and (lines[end].startswith("    ") or not lines[end].strip()):
                end += 1
            out.append(Code("\n".join(one[4:] for one in lines[at:end]).strip("\n")))
            at = end
        else:
            end = at + 1
            while end < len(lines) and lines[end].strip() and not _begins(lines[end]):
                end += 1
            out.append(Paragraph(inline("\n".join(one.lstrip() for one in lines[at:end]))))
            at = end
    return tuple(out)


def _begins(line: str) -> bool:
    """Whether a line begins another block than a paragraph."""
    item = _ITEM.match(line)
    return bool(
        _FENCE.match(line) or _HEADING.match(line) or _RULE.match(line) or _QUOTE.match(line)
        or (item and item[4] and (not item[2][0].isdigit() or item[2][:-1] == "1"))
    )  # fmt: skip


def _items(lines: list[str], at: int, depth: int) -> tuple[Items, int]:
    first = _ITEM.match(lines[at])
    assert first is not None  # the caller has looked  # noqa: S101
    ordered = first[2][0].isdigit()
    items: list[Blocks] = []
    done: list[bool | None] = []
    while at < len(lines):
        item = _ITEM.match(lines[at])
        if item is None or item[2][0].isdigit() != ordered or _RULE.match(lines[at]):
            break
        indent = len(item[1]) + len(item[2]) + (len(item[3]) if 1 <= len(item[3]) <= 4 else 1)
        text = item[4]
        box = _BOX.match(text)
        done.append(None if box is None else box[1] != " ")
        inner = [text[box.end() :] if box else text]
        at += 1
        while at < len(lines):
            line = lines[at]
            if line.startswith(" " * indent):
                inner.append(line[indent:])
            elif not line.strip():
                following = next((one for one in lines[at + 1 :] if one.strip()), "")
                if not following.startswith(" " * indent):
                    break
                inner.append("")
            elif _begins(line) or _ITEM.match(line) or not inner[-1].strip():
                break
            else:
                inner.append(line.lstrip())
            at += 1
        items.append(_blocks(inner, depth + 1))
        while (
            at < len(lines)
            and not lines[at].strip()
            and any(_ITEM.match(one) for one in lines[at + 1 : at + 2])
        ):
            at += 1
    boxes = tuple(done) if any(one is not None for one in done) else ()
    return Items(ordered, tuple(items), boxes), at


def _cells(row: str) -> list[str]:
    row = row.strip().removeprefix("|")
    row = row[:-1] if row.endswith("|") and not row.endswith("\\|") else row
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", row)]


def inline(text: str, marks: frozenset[str] = frozenset(), href: str = "", depth: int = 0) -> Runs:
    """The runs of a paragraph's text."""
    if len(text) > _LONGEST or depth > DEEPEST:
        return (Run(text, marks, href),)
    runs: list[Run] = []
    done = 0
    for match in _INLINE.finditer(text):
        runs.append(Run(text[done : match.start()], marks, href))
        done = match.end()
        kind = match.lastgroup or ""
        if match["escaped"] is not None:
            runs.append(Run(match["escaped"], marks, href))
        elif match["code"] is not None:
            code = match["code"].replace("\n", " ")
            code = (
                code[1:-1] if code.startswith(" ") and code.endswith(" ") and code.strip() else code
            )
            runs.append(Run(code, marks | {"code"}, href))
        elif match["label"] is not None:
            to = match["target"] or ""
            runs += inline(match["label"] or to, marks, href or to, depth + 1)
        elif match["auto"] or match["bare"]:
            to = match["auto"] or match["bare"]
            runs.append(Run(to.removeprefix("mailto:"), marks, href or to))
        elif match["hard"] is not None:
            runs.append(Run("\n"))
        elif match["soft"] is not None:
            runs.append(Run(" ", marks, href))
        else:
            mark = kind.rstrip("_")
            runs += inline(match[kind], marks | {mark}, href, depth + 1)
    runs.append(Run(text[done:], marks, href))
    return joined(tuple(runs))


def _written(block: Block) -> str:
    match block:
        case Paragraph(runs=runs):
            return _line(runs)
        case Heading(level=level, runs=runs):
            return f"{'#' * level} {_runs(runs).replace(chr(10), ' ')}"
        case Code(text=text, language=language):
            longest = max((len(ticks) for ticks in re.findall(r"`{3,}", text)), default=2)
            fence = "`" * (longest + 1)
            return f"{fence}{language}\n{text}\n{fence}"
        case Quote(blocks=blocks):
            return "\n".join(f"> {line}".rstrip() for line in write(blocks).split("\n"))
        case Items():
            return _list(block)
        case Table(rows=rows):
            return _table(rows)
        case Rule():
            return "---"


def _list(block: Items) -> str:
    lines: list[str] = []
    for number, item in enumerate(block.items):
        sign = f"{number + 1}. " if block.ordered else "- "
        ticked = block.done[number] if number < len(block.done) else None
        box = "" if ticked is None else "[x] " if ticked else "[ ] "
        tight = all(isinstance(one, Items) for one in item[1:])
        text = ("\n" if tight else "\n\n").join(_written(one) for one in item)
        first, *rest = text.split("\n")
        lines.append(f"{sign}{box}{first}")
        lines += [f"{' ' * len(sign)}{one}" if one else "" for one in rest]
    return "\n".join(lines)


def _table(rows: tuple[tuple[Runs, ...], ...]) -> str:
    width = max((len(row) for row in rows), default=0)
    texts = [[_runs(cell).replace("|", "\\|").replace("  \n", " ") for cell in row] for row in rows]
    lines = [f"| {' | '.join(row + [''] * (width - len(row)))} |" for row in texts]
    return "\n".join([*lines[:1], f"|{' --- |' * width}", *lines[1:]])


def _line(runs: Runs) -> str:
    return _STARTS.sub(r"\1\\\2", _runs(runs)) if _STARTS.search(_runs(runs)) else _runs(runs)


def _runs(runs: Runs) -> str:
    """Neighbouring runs of one address make one link; spaces stay out of marks, which would not be read in them."""
    out: list[str] = []
    at = 0
    while at < len(runs):
        end = at + 1
        while end < len(runs) and runs[at].href and runs[end].href == runs[at].href:
            end += 1
        text = "".join(_run(run) for run in runs[at:end])
        href = runs[at].href
        if href:
            shown = "".join(run.text for run in runs[at:end])
            same = shown in (href, href.removeprefix("mailto:")) and "://" in href + "://"
            plain = all(not run.marks for run in runs[at:end])
            text = (
                f"<{href}>"
                if same and plain and href.startswith(("http", "mailto:"))
                else f"[{text}]({href})"
            )
        out.append(text)
        at = end
    return "".join(out)


def _run(run: Run) -> str:
    if run.text == "\n":
        return "  \n"
    if "code" in run.marks:
        longest = max((len(ticks) for ticks in re.findall(r"`+", run.text)), default=0)
        ticks = "`" * (longest + 1)
        space = " " if run.text[:1] == "`" or run.text[-1:] == "`" else ""
        text = f"{ticks}{space}{run.text}{space}{ticks}"
        core, before, after = text, "", ""
    else:
        text = run.text.replace("\n", " ")
        core = text.strip()
        if not core:
            return text
        before, after = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
        core = _TO_ESCAPE.sub(r"\\\1", core)
    for mark, sign in (("strike", "~~"), ("em", "*"), ("strong", "**")):
        if mark in run.marks:
            core = f"{sign}{core}{sign}"
    return f"{before}{core}{after}"
