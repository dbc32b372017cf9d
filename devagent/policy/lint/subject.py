"""What the checks look at: one file, with what it stands beside."""

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from devagent.policy.lint.finding import CODES, Finding, Severity
from devagent.policy.places import Places
from devagent.policy.plain import is_list, is_table
from devagent.policy.positions import Path
from devagent.policy.syntax import Envelope, PolicyFile, Rule
from devagent.policy.tool_types import Catalogue


class Scoped(Struct, frozen=True):
    """A rule or an envelope with its path in the file."""

    of: Rule | Envelope
    path: Path

    @property
    def id(self) -> str:
        return self.of.id if isinstance(self.of, Rule) else ""

    @property
    def title(self) -> str:
        """How it is called in a sentence."""
        return f'"{self.of.id}"' if isinstance(self.of, Rule) else "the envelope"


class Subject:
    """One file under the checks.

    ``orgs`` are the files looked at with it that stand in the org's place (several are alternatives);
    ``today`` is an ISO date.
    """

    def __init__(
        self,
        file: PolicyFile,
        source: str,
        orgs: tuple[PolicyFile, ...],
        catalogue: Catalogue,
        today: str,
    ) -> None:
        self.file = file
        self.orgs = orgs
        self.catalogue = catalogue
        self.today = today
        self._places = Places(source)
        self.rules = [Scoped(rule, ("rule", n)) for n, rule in enumerate(file.rules)]
        self.envelopes = [Scoped(one, ("delegate", n)) for n, one in enumerate(file.envelopes)]

    @property
    def scoped(self) -> list[Scoped]:
        return [*self.rules, *self.envelopes]

    def finding(
        self,
        code: str,
        path: Path,
        message: str,
        suggestion: str = "",
        severity: Severity | None = None,
    ) -> Finding:
        """A finding at a place of the file."""
        line, column = self._places.of(path)
        number = path[1] if len(path) > 1 and path[0] == "rule" else None
        return Finding(
            code=code,
            severity=severity or CODES[code][0],
            file=self.file.file,
            line=line,
            column=column,
            message=message,
            suggestion=suggestion,
            rule=self.file.rules[number].id if isinstance(number, int) else "",
        )


def operators(spec: Any, path: Path) -> Iterator[tuple[str, Any, Path, tuple[str, ...]]]:
    """Each operator of a condition with its operand, its path, and the operators that stand around it.

    A scalar is an ``eq`` and a list or ``"@name"`` an ``in``, as the language reads them.
    """
    waiting: list[tuple[Any, Path, tuple[str, ...]]] = [(spec, path, ())]
    while waiting:
        spec, path, around = waiting.pop()
        if is_table(spec):
            for name, want in spec.items():
                here = (*path, name)
                yield name, want, here, around
                if name in ("any", "not"):
                    waiting.append((want, here, (*around, name)))
                elif name == "either":
                    waiting += [(w, (*here, n), (*around, name)) for n, w in enumerate(want)]
        else:
            named = is_list(spec) or (isinstance(spec, str) and spec.startswith("@"))
            yield "in" if named else "eq", spec, path, around
