"""Docstrings of Python modules, read by their syntax: nothing of a package is imported or run."""

import ast
from collections.abc import Iterator

from devagent_docs.formats import markdown
from devagent_docs.formats.encoding import decoded
from devagent_docs.formats.model import Builder, Document, Unreadable

_Defined = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def read(data: bytes, module: str) -> Document:
    """The module's public names, each with its signature and docstring. Raises Unreadable."""
    try:
        tree = ast.parse(decoded(data))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise Unreadable("it does not parse as Python") from error
    builder = Builder(module)
    builder.heading(1, module, 1, anchor=module, symbols=(module,))
    markdown.parse(ast.get_docstring(tree) or "", builder, level=1)
    for name, node, level in _definitions(tree, module, 2):
        doc = ast.get_docstring(node) or ""
        if not doc and not isinstance(node, ast.ClassDef):
            continue
        builder.heading(level, name, node.lineno, anchor=name, symbols=(name,))
        builder.code(_signature(node), node.lineno)
        markdown.parse(doc, builder, level=level, line=node.lineno + 1)
    return builder.document(module)


def _definitions(
    owner: ast.Module | ast.ClassDef, prefix: str, level: int
) -> Iterator[tuple[str, _Defined, int]]:
    for node in owner.body:
        if isinstance(node, _Defined) and not node.name.startswith("_"):
            name = f"{prefix}.{node.name}"
            yield name, node, level
            if isinstance(node, ast.ClassDef):
                yield from _definitions(node, name, level + 1)


def _signature(node: _Defined) -> str:
    if isinstance(node, ast.ClassDef):
        bases = ", ".join(ast.unparse(base) for base in node.bases)
        return f"class {node.name}({bases})" if bases else f"class {node.name}"
    word = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"{word} {node.name}({ast.unparse(node.args)}){returns}"
