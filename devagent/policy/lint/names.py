"""Names that nothing here answers to: tools, extensions, groups, modes; lists that nothing uses."""

from collections.abc import Iterator

from devagent.policy.globs import is_literal
from devagent.policy.lint.finding import Finding
from devagent.policy.lint.subject import Scoped, Subject, operators
from devagent.policy.names import did_you_mean, nearest_name
from devagent.policy.plain import is_list
from devagent.policy.syntax import PolicyFile

MODES = ("chat", "run", "gateway")
"""The modes that a session has."""


def name_findings(subject: Subject) -> Iterator[Finding]:
    """Tools, groups and modes that are not there, and lists that are not used."""
    groups = known_groups(subject.orgs)
    told: set[str] = set()
    for scoped in subject.scoped:
        yield from _tools(subject, scoped, told)
        if groups or subject.file.org:  # without any, groups come with the person's identity
            yield from _groups(subject, scoped, groups)
        yield from _modes(subject, scoped)
    yield from _lists(subject)


def known_groups(orgs: tuple[PolicyFile, ...]) -> frozenset[str]:
    """The groups of the org's files: those they define, and those that their members name.

    A group among the members is not defined there: it comes with the person's identity.
    """
    members = (m for org in orgs for listed in org.groups.values() for m in listed)
    given = {m[6:] for m in members if m.startswith("group:")}
    return frozenset(given.union(*(org.groups for org in orgs)))


def _tools(subject: Subject, scoped: Scoped, told: set[str]) -> Iterator[Finding]:
    """``told``: extensions that are not here and were named before, which once is enough."""
    known = subject.catalogue
    for number, pattern in enumerate(scoped.of.tools or ()):
        path = (*scoped.path, "tools", number)
        extension = pattern.partition(".")[0]
        if not is_literal(extension) or known.pattern(pattern).tools:
            continue
        if extension in known.extensions:
            names = [tool.qualified for tool in known.extensions[extension]]
            yield subject.finding(
                "unknown-tool", path, f'{extension} has no tool "{pattern}"', did_you_mean(pattern, names)
            )  # fmt: skip
            continue
        near = nearest_name(extension, known.extensions)
        if near or extension not in told:
            told.add(extension)
            yield subject.finding(
                "unknown-extension",
                path,
                f'no extension "{extension}" is here, so rules about it are not checked against its tools',
                f'Did you mean "{near}"?' if near else "",
                severity="warning" if near else "note",
            )


def _groups(subject: Subject, scoped: Scoped, groups: frozenset[str]) -> Iterator[Finding]:
    for number, pattern in enumerate(scoped.of.principals or ()):
        name = pattern.removeprefix("group:")
        if name == pattern or not is_literal(name) or name in groups:
            continue
        near = nearest_name(name, groups)
        yield subject.finding(
            "unknown-group",
            (*scoped.path, "principals", number),
            f'the organisation\'s [groups] have no "{name}"',
            f'Did you mean "group:{near}"?' if near else f"Define it: [groups] {name} = [ … ].",
        )


def _modes(subject: Subject, scoped: Scoped) -> Iterator[Finding]:
    for key in ("mode", "context.mode"):
        if key not in scoped.of.when:
            continue
        for name, want, path, _ in operators(scoped.of.when[key], (*scoped.path, "when", key)):
            if name not in ("eq", "in", "not_in"):
                continue
            for one in want if is_list(want) else [want]:
                if isinstance(one, str) and one not in MODES and not one.startswith("@"):
                    yield subject.finding(
                        "unknown-mode", path, f'there is no mode "{one}"', did_you_mean(one, MODES)
                    )


def _lists(subject: Subject) -> Iterator[Finding]:
    if not subject.file.lists:
        return
    used = {
        want
        for scoped in subject.scoped
        for key, spec in scoped.of.when.items()
        for _, want, _, _ in operators(spec, (key,))
        if isinstance(want, str) and want.startswith("@")
    }
    for name in subject.file.lists:
        if f"@{name}" not in used:
            yield subject.finding(
                "unused-list",
                ("lists", name),
                f'no condition uses "@{name}"',
                "Use it or take it out.",
            )
