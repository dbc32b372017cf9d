"""A command line as a tree: tree-sitter's bash grammar, trusted only where it cannot differ from bash.

tree-sitter repairs what it does not understand, and knows less of here-documents than bash does. So:

* here-documents of the plain form are cut out first, by bash's own rules, and must then turn out to be
  what they seemed; every other form is unclear;
* a tree with an error, a missing part or a kind of node that is not listed here is unclear;
* between the leaves there may be blanks and nothing else, so that no text goes unread;
* a comment, and a word that looks like one, must begin where bash would begin one.
"""

import re
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from devagent_workspace.shown import names

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

MOST_CHARACTERS = 20_000
MOST_NODES = 4_000
MOST_DEPTH = 60


class Unclear(Exception):
    """What a line would run is not fully known; the text says why."""


class Document(NamedTuple):
    """A here-document: its text, and whether the shell expands variables in it."""

    text: str
    expands: bool


class Line(NamedTuple):
    """A parsed line. ``documents`` are found by the placeholder that stands for each in ``source``."""

    root: "Node"
    source: bytes
    documents: dict[str, Document]


_KNOWN = names("""
program command command_name pipeline list redirected_statement file_redirect herestring_redirect
file_descriptor subshell compound_statement if_statement elif_clause else_clause while_statement
for_statement c_style_for_statement do_group case_statement case_item negated_command test_command
variable_assignment variable_name declaration_command unset_command function_definition comment string
string_content raw_string ansi_c_string simple_expansion special_variable_name expansion
command_substitution process_substitution arithmetic_expansion brace_expression number word concatenation
extglob_pattern regex test_operator unary_expression binary_expression parenthesized_expression
postfix_expression ternary_expression subscript variable_assignments array
""")
_WORDS = frozenset(
    [
        "word",
        "number",
        "string",
        "raw_string",
        "ansi_c_string",
        "concatenation",
        "simple_expansion",
        "expansion",
        "command_substitution",
        "process_substitution",
        "arithmetic_expansion",
        "brace_expression",
        "command_name",
        "variable_assignment",
    ]
)
_ONE_LINE = frozenset(
    [
        "command",
        "file_redirect",
        "herestring_redirect",
        "redirected_statement",
        "declaration_command",
        "unset_command",
        "variable_assignment",
        "variable_assignments",
        "test_command",
        "negated_command",
        "unary_expression",
    ]
)
_BLANKS = re.compile(rb"(?:[ \t\n]|(?<=[ \t\n])\\\n|\\\n(?=[ \t]))*\Z")
_ODD = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]")
_DOCUMENT = re.compile(
    rb"(?<![<\d])<<(-?)[ \t]*(?:'([A-Za-z_]\w*)'|\"([A-Za-z_]\w*)\"|([A-Za-z_]\w*))(?![\w'\"\\$`{*?])"
)
_EXPANDED = re.compile(r"(?:^|[^\\])(?:\\\\)*(?:`|\$[({\[])")
_HOLE = "__here_document_%d__"


@lru_cache(maxsize=1)
def _parser() -> "Parser":
    import tree_sitter  # noqa: PLC0415 - 20 ms, only where a command is judged
    import tree_sitter_bash  # noqa: PLC0415

    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_bash.language()))


def parsed(text: str) -> Line:
    """The tree of a command line. Raises Unclear."""
    if len(text) > MOST_CHARACTERS:
        raise Unclear(f"the command is longer than {MOST_CHARACTERS} characters")
    if _ODD.search(text):
        raise Unclear("the command holds control characters")
    source, documents, ends = _without_documents(text.encode())
    root = _parser().parse(source).root_node
    if root.has_error:
        raise Unclear("the command cannot be parsed")
    checked = _Checked(source)
    checked.walk(root, 0)
    checked.rest(len(source))
    for end in ends:
        checked.expect_line_end(root, end)
    if len(checked.holes) != len(documents):
        raise Unclear("a here-document is not where it seems to be")
    return Line(root, source, documents)


def _without_documents(source: bytes) -> tuple[bytes, dict[str, Document], list[int]]:
    """The source with every here-document as ``< placeholder``, and where the lines with one end."""
    if b"<<" not in source.replace(b"<<<", b""):
        return source, {}, []
    if b"__here_document_" in source:
        raise Unclear("the command uses a reserved name")
    out, documents, ends = bytearray(), dict[str, Document](), list[int]()
    lines = source.split(b"\n")
    at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        opened: list[tuple[str, str, bool, bool]] = []

        def hole(
            match: re.Match[bytes], opened: list[tuple[str, str, bool, bool]] = opened
        ) -> bytes:
            name = _HOLE % (len(documents) + len(opened))
            word = match[2] or match[3] or match[4]
            opened.append((name, word.decode(), match[1] == b"-", match[4] is not None))
            return b"< " + name.encode()

        line = _DOCUMENT.sub(hole, line)
        if b"<<" in line.replace(b"<<<", b""):
            raise Unclear("a here-document of an unusual form")
        out += line + b"\n"
        if opened and line.endswith(b"\\"):
            raise Unclear("a here-document on a continued line")
        for name, word, tabs, expands in opened:
            body: list[str] = []
            while True:
                if at == len(lines):
                    raise Unclear("a here-document without its end")
                text = lines[at].decode()
                at += 1
                text = text.lstrip("\t") if tabs else text
                if text == word:
                    break
                if text.strip().startswith(word):
                    raise Unclear("a here-document whose end is doubtful")
                body.append(text)
            content = "".join(f"{text}\n" for text in body)
            if expands and ("\\\n" in content or _EXPANDED.search(content)):
                raise Unclear("a here-document with expansions in it")
            documents[name] = Document(content, expands)
        if opened:
            ends.append(len(out) - 1)
    return bytes(out[:-1]), documents, ends


class _Checked:
    """Walks a tree once and refuses what bash might read otherwise."""

    def __init__(self, source: bytes) -> None:
        self.source = source
        self.at = 0
        self.nodes = 0
        self.holes: list[str] = []

    def walk(self, node: "Node", depth: int) -> None:
        self.nodes += 1
        if self.nodes > MOST_NODES or depth > MOST_DEPTH:
            raise Unclear("the command is too long or too deep")
        kind = node.type
        if node.is_named and kind not in _KNOWN:
            raise Unclear(f"the command uses {kind.replace('_', ' ')}")
        if node.is_missing:
            raise Unclear("the command cannot be parsed")
        if kind == "string":  # its text lies between its children; words.py reads it
            self._gap(node.start_byte)
            for child in node.named_children:
                if child.type != "string_content":
                    _Checked(self.source).inner(child, depth + 1, self)
            self.at = node.end_byte
            return
        if not node.child_count or kind in ("expansion", "arithmetic_expansion", "extglob_pattern"):
            self._leaf(node)
            if kind in ("expansion", "arithmetic_expansion"):
                for child in node.named_children:
                    _Checked(self.source).inner(child, depth + 1, self)
            return
        if kind in ("concatenation", "word", "raw_string", "ansi_c_string"):
            self._comment_like(node)
        if kind != "concatenation":
            self._apart(node)
        for child in node.children:
            self.walk(child, depth + 1)

    def _apart(self, node: "Node") -> None:
        """Words that touch are one word to bash, and a redirection has one target."""
        before = -1
        targets = 0
        if node.type in _ONE_LINE:
            for one, other in pairwise(node.children):
                gap = self.source[one.end_byte : other.start_byte].replace(b"\\\n", b"")
                if b"\n" in gap:
                    raise Unclear("a newline within a command")
        for child in node.children:
            if child.type in _WORDS or (node.type == "command" and not child.is_named):
                targets += 1
                if child.start_byte == before:
                    raise Unclear("two words that touch")
                before = child.end_byte
        if targets > 1 and node.type in ("file_redirect", "herestring_redirect"):
            raise Unclear("words behind a redirection")

    def inner(self, node: "Node", depth: int, outer: "_Checked") -> None:
        """Check a part on its own, counting for ``outer``."""
        self.at, self.nodes, self.holes = node.start_byte, outer.nodes, outer.holes
        self.walk(node, depth)
        outer.nodes = self.nodes

    def rest(self, end: int) -> None:
        self._gap(end)

    def expect_line_end(self, root: "Node", end: int) -> None:
        """The newline after a here-document's operator must end a line of commands, not lie in a word."""
        if end >= len(self.source):
            return
        node = root.descendant_for_byte_range(end, end + 1)
        if node is None or node.type not in (
            "program", "list", "pipeline", "command_substitution", "subshell", "compound_statement",
            "do_group", "if_statement", "elif_clause", "else_clause", "redirected_statement", "\n",
            "process_substitution", "while_statement", "for_statement",
        ):  # fmt: skip
            raise Unclear("a here-document on a continued line")

    def _leaf(self, node: "Node") -> None:
        self._gap(node.start_byte)
        if node.type == "comment":
            before = self.source[: node.start_byte]
            if (before and before[-1:] not in b" \t\n;&|()") or before.endswith(b"\\\n"):
                raise Unclear("what looks like a comment is none")
        elif node.type == "file_descriptor":
            text = self.source[node.start_byte : node.end_byte]
            apart = not node.start_byte or self.source[node.start_byte - 1] in b" \t\n;&|()"
            if not (apart and text.isdigit()):
                raise Unclear("a number before a redirection that belongs to a word")
        elif node.type == "word":
            self._comment_like(node)
            text = self.source[node.start_byte : node.end_byte]
            if text.startswith(b"__here_document_"):
                parent = node.parent
                if parent is None or parent.type != "file_redirect":
                    raise Unclear("a here-document is not where it seems to be")
                self.holes.append(text.decode())
        self.at = node.end_byte

    def _comment_like(self, node: "Node") -> None:
        start = node.start_byte
        if self.source[start : start + 1] == b"#" and (
            start == 0
            or self.source[start - 1 : start] in (b" ", b"\t", b"\n", b";", b"&", b"|", b"(", b")")
        ):
            raise Unclear("what looks like a word is a comment")

    def _gap(self, start: int) -> None:
        if start > self.at and not _BLANKS.match(self.source[self.at : start]):
            raise Unclear("a part of the command cannot be read")
