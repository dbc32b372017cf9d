"""From calls that a person said yes to, the narrowest rules that would have allowed them.

A rule is for the same person, tool, class and mode, and names what was asked about by its exact ids. What
else it takes over from the calls it comes from:

- No call had met a tainted session: nothing may have been read that taints. Or all had: no other labels.
- An argument that was the same small value in every one of them must be that again; for class exec,
  and where the arguments alone say what is touched, all arguments must be the same.
- Only paths become a pattern: three files or more below one folder of the workspace, for calls that are
  not exec, where no deny names something in that folder and the org leaves the folder to the local file.

Never proposed: anything of class secret or tagged as a secret, names with a star in them, calls of anyone
but the person themselves (CI, on behalf of others).
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from msgspec import Struct, field

from devagent.core.codec import canonical
from devagent.core.resources import Resource
from devagent.core.verdicts import Request
from devagent.policy import check_globs
from devagent.policy.checks import Refusal
from devagent.policy.decide import CompiledPolicy
from devagent.policy.plain import is_list, is_table
from devagent.policy.syntax import Envelope, Rule

FILES = 3
"""From so many different files below one folder on, the folder is proposed."""
SMALL = 64
"""Characters of a text that still counts as a choice rather than content."""


class Ask(Struct, frozen=True):
    """A call that was asked about and answered yes. ``asked``: the resources that policy asks about."""

    session: str
    seq: int
    at: int
    request: Request
    asked: tuple[Resource, ...]


class Candidate(Struct, frozen=True):
    """A rule that may be proposed, the calls it is for, and what to try instead where it goes too far."""

    user: str
    tool: str
    tool_class: str
    access: tuple[str, ...]
    resources: tuple[str, ...]
    when: dict[str, Any]
    asks: tuple[Ask, ...]
    folder: str = ""
    narrower: tuple["Candidate", ...] = field(default_factory=tuple)


def never(request: Request, asked: Sequence[Resource]) -> str:
    """Why a call is never proposed, or nothing."""
    who = request.principal
    if not who.user or who.ci or who.on_behalf_of:
        return "it is not a person's own"
    if request.tool_class == "secret" or any(_is_secret(tag) for r in asked for tag in r.tags):
        return "it touches a secret"
    tool = f"{request.extension}.{request.tool}"
    names = [tool, who.user, *(r.id for r in asked)]
    if any("*" in name for name in names):
        return "it touches something with a star in its name, which a rule would read as a pattern"
    try:
        check_globs.tools([tool], ())
        check_globs.principals([f"user:{who.user}"], ())
        check_globs.resources([r.id for r in asked if r.id], ())
    except Refusal:
        return "it touches something that no rule can name"
    if _pins_all(request, asked):
        try:
            _all_arguments(request.args, asked)
        except ValueError as error:
            return str(error)
    return ""


def candidates(
    asks: Iterable[Ask], policy: CompiledPolicy, least: int
) -> tuple[list[Candidate], list[Ask]]:
    """The rules to try for asks that were answered yes ``least`` times; and the asks that no rule is for."""
    families: dict[tuple[Any, ...], list[Ask]] = {}
    for ask in asks:
        families.setdefault(_family(ask), []).append(ask)
    found: list[Candidate] = []
    left: list[Ask] = []
    for family in families.values():
        rest = family
        for folder, below in _folders(family, policy):
            taken = {(a.session, a.seq) for a in below}
            rest = [a for a in rest if (a.session, a.seq) not in taken]
            exact, _ = _exact(below, least)
            if len(below) >= least:
                found.append(_candidate(below, (f"path:{folder}/**",), folder, tuple(exact)))
            else:
                rest = [*rest, *below]
        exact, too_few = _exact(rest, least)
        found += exact
        left += too_few
    return found, left


def _family(ask: Ask) -> tuple[Any, ...]:
    """What one rule can be about, resources and constant arguments aside."""
    request = ask.request
    pinned = canonical(request.args) if _pins_all(request, ask.asked) else b""
    access = tuple(sorted({r.access for r in ask.asked}))
    tainted = bool(request.context.get("taint"))
    mode = request.context.get("mode")
    tool = f"{request.extension}.{request.tool}"
    return (
        request.principal.user,
        tool,
        request.tool_class,
        canonical(mode),
        tainted,
        access,
        pinned,
    )


def _exact(asks: Iterable[Ask], least: int) -> tuple[list[Candidate], list[Ask]]:
    """A rule for each set of resources that was asked about often enough, by their exact ids."""
    groups: dict[tuple[tuple[str, ...], ...], list[Ask]] = {}
    for ask in asks:
        # Tags mark what a rule cannot see (a forced push, personal data): such calls stand apart.
        marks = sorted({(r.id, r.access, *r.tags) for r in ask.asked})
        groups.setdefault(tuple(marks), []).append(ask)
    found: list[Candidate] = []
    left: list[Ask] = []
    for group in groups.values():
        if len(group) < least:
            left += group
        else:
            found.append(_candidate(group, tuple(sorted({r.id for r in group[0].asked if r.id}))))
    return found, left


def _candidate(
    asks: Sequence[Ask],
    resources: tuple[str, ...],
    folder: str = "",
    narrower: tuple[Candidate, ...] = (),
) -> Candidate:
    first = asks[0].request
    when: dict[str, Any] = {}
    if isinstance(mode := first.context.get("mode"), str):
        when["mode"] = {"eq": mode}
    labels = sorted({label for a in asks for label in a.request.context.get("taint") or ()})
    if labels:
        when["context.taint"] = {"in": labels, "len_min": 1}
    else:
        when["taint_none"] = ["**"]
    asked = asks[0].asked
    when |= _all_arguments(first.args, asked) if _pins_all(first, asked) else _constants(asks)
    return Candidate(
        user=first.principal.user,
        tool=f"{first.extension}.{first.tool}",
        tool_class=first.tool_class,
        access=tuple(sorted({r.access for a in asks for r in a.asked})),
        resources=resources,
        when=when,
        asks=tuple(asks),
        folder=folder,
        narrower=narrower,
    )


# --- folders ---


def _folders(asks: Sequence[Ask], policy: CompiledPolicy) -> Iterator[tuple[str, list[Ask]]]:
    """Folders with enough different files below them, each with the asks that lie wholly in it."""
    by_top: dict[str, list[Ask]] = {}
    for ask in asks:
        if _pins_all(ask.request, ask.asked):
            return
        tops = {_top(resource) for resource in ask.asked}
        if len(tops) == 1 and "" not in tops:
            by_top.setdefault(tops.pop(), []).append(ask)
    for below in by_top.values():
        files = {r.id.removeprefix("path:") for a in below for r in a.asked}
        folder = _common_folder(files)
        if len(files) >= FILES and _may_be_open(folder, below[0], policy):
            yield folder, below


def _top(resource: Resource) -> str:
    """The first folder of an untagged path inside the workspace; empty for anything else."""
    kind, _, path = resource.id.partition(":")
    folder, slash, rest = path.partition("/")
    if kind != "path" or resource.tags or not slash or not rest or not folder:
        return ""
    return folder


def _common_folder(files: Iterable[str]) -> str:
    split = [file.split("/")[:-1] for file in files]
    common: list[str] = []
    for parts in zip(*split, strict=False):
        if len(set(parts)) > 1:
            break
        common.append(parts[0])
    return "/".join(common)


def _may_be_open(folder: str, ask: Ask, policy: CompiledPolicy) -> bool:
    parts = folder.split("/")
    if not folder or any(part.startswith(".") or part == "" for part in parts):
        return False  # hidden folders hold settings and hooks, not work
    inside = f"path:{folder}/"
    call = policy.call(ask.request)
    for layer in policy.layers:
        for rule in layer.file.rules:
            if rule.effect == "deny" and _names_something_in(rule, inside):
                return False
    org = policy.layers[0]
    return any(
        compiled.envelope.effect == "allow"
        and "local" in compiled.envelope.to
        and _holds_all(compiled.envelope, inside)
        and compiled.opens(call)
        for compiled in org.envelopes
    )


def _names_something_in(deny: Rule, inside: str) -> bool:
    """Whether a deny's resources begin in the folder, or above it. One that begins with a star says
    something about names wherever they lie, and goes on denying."""
    for pattern in deny.resources or ():
        head = pattern.partition("*")[0]
        if head != "path:" and (head.startswith(inside) or inside.startswith(head)):
            return True
    return False


def _holds_all(envelope: Envelope, inside: str) -> bool:
    if envelope.resources is None:
        return True
    return any(
        pattern.endswith("**") and "*" not in pattern[:-2] and inside.startswith(pattern[:-2])
        for pattern in envelope.resources
    )


# --- arguments ---


def _pins_all(request: Request, asked: Sequence[Resource]) -> bool:
    """Whether only the arguments say what the call does: then no other call is like it."""
    named = any(r.kind not in ("", "mcp") for r in asked)
    return request.tool_class == "exec" or (not named and request.tool_class != "read")


def _all_arguments(args: dict[str, Any], asked: Sequence[Resource]) -> dict[str, Any]:
    """Conditions that hold for these arguments alone.

    Raises ValueError where the language cannot say so: an odd key, or the order of a list (which a
    command's own id says).
    """
    ordered = any(resource.kind == "command" for resource in asked)
    scalars = list(_scalars(args))
    when: dict[str, Any] = {}
    _pin(args, "args", when, ordered=ordered)
    distinct = [s for n, s in enumerate(scalars) if not any(_same(s, t) for t in scalars[:n])]
    size = {"len_min": len(scalars), "len_max": len(scalars)}
    when["args.**"] = {"in": distinct, **size} if scalars else {"len_max": 0}
    return when


def _pin(value: dict[str, Any], key: str, when: dict[str, Any], *, ordered: bool) -> None:
    for name, one in value.items():
        here = f"{key}.{name}"
        if not _is_plain(name):
            raise ValueError("an argument's name cannot stand in a condition")
        if is_table(one):
            _pin(one, here, when, ordered=ordered)
        elif is_list(one):
            nested = any(is_table(e) or is_list(e) or e is None for e in one)
            if nested or (len(one) > 1 and not ordered):
                raise ValueError(f"the order in {here} cannot be said in a condition")
            size = {"len_min": len(one), "len_max": len(one)}
            when[here] = {"in": list(one), **size} if one else {"len_max": 0}
        elif one is None:
            when[here] = {"absent": True}
        else:
            when[here] = {"eq": one}


def _constants(asks: Sequence[Ask]) -> dict[str, Any]:
    """The small values that every one of the calls had."""
    first, *others = (a.request.args for a in asks)
    when: dict[str, Any] = {}
    for name in sorted({name for a in asks for name in a.request.args}):
        value = first.get(name)
        if not _is_plain(name) or not all(_same(value, o.get(name)) for o in others):
            continue
        if value is None:
            when[f"args.{name}"] = {"absent": True}
        elif isinstance(value, bool | int | float) or (
            isinstance(value, str) and len(value) <= SMALL and value.isprintable()
        ):
            # As an operator: a text that begins with @ would name a list.
            when[f"args.{name}"] = {"eq": value}
    return when


def _is_plain(name: str) -> bool:
    return name.isascii() and name.replace("-", "").replace("_", "").isalnum()


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and one == other


def _scalars(value: Any) -> Iterator[Any]:
    if is_table(value):
        for one in value.values():
            yield from _scalars(one)
    elif is_list(value):
        for one in value:
            yield from _scalars(one)
    elif value is not None:
        yield value


def _is_secret(tag: str) -> bool:
    return any(part.startswith(("secret", "credential")) for part in tag.lower().split("."))
