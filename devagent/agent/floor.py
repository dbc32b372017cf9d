"""The floor below every policy: devagent's own files are out of every tool's reach.

No rule, layer, approval or flag can grant what is refused here (design, section 6): an agent that could
write its policy, its config, its keys or its record could grant itself the rest. A command whose effects
nobody can know, and that no sandbox holds, may do that as well: whatever policy says, a person is asked.
"""

import os
import stat
import sys
from collections.abc import Iterable, Iterator, Sequence

from msgspec.structs import replace

from devagent.agent.own_commands import is_own_command
from devagent.core.resources import Resource
from devagent.core.verdicts import Decision, RuleReference

RULE = "floor#own-files"
OWN_COMMANDS = "floor#own-commands"
UNANCHORED = "floor#unanchored"
UNBOUNDED = "floor#unbounded-command"
_UNKNOWN = "command:?"
_TREE = "path.tree"
_RUNS_CODE = ("command.interpreter", "command.workspace")
_WHY = "an agent touches neither its own policy, configuration and keys nor its own record"
_IS_ITS_OWN = "is or holds a part of devagent itself"
_RUNS_ITSELF = "runs devagent with the person's rights"
GRANT = "Nobody can grant it to an agent; change these files yourself, outside devagent"


class Floor:
    """What no call of a session may touch. ``own``: absolute files and folders; ``workspace``: an absolute folder."""

    def __init__(self, workspace: str, own: Sequence[str]) -> None:
        self._workspace = workspace
        self._own = tuple(_comparable(os.path.realpath(path)) for path in own)

    def refusal(self, resources: Iterable[Resource]) -> Decision | None:
        """A deny where one of the resources is, holds or lies in something of devagent's own.

        Files and folders are refused for reading too: the record of other sessions lies there. A
        repository that *holds* such a folder is refused for writing, because what its next commit
        puts into the work tree is not known beforehand; so is a folder that is walked (``path.tree``). Of a
        command the words that name such a place are enough; what a program does by itself only a sandbox
        can bound. A hard link is the file itself, whatever it is called. Devagent's own commands are refused
        but for those that only judge (``own_commands``).
        """
        for resource in resources:
            name = resource.id.partition(":")[2]
            match resource.kind:
                case "path" | "repo":
                    holding = resource.access == "write" or _TREE in resource.tags
                    refused = self._touches(name, holding=holding)
                case "command":
                    words = _words(name)
                    if is_own_command(words):
                        return _denied(resource, _RUNS_ITSELF, OWN_COMMANDS)
                    refused = any(self._touches(word, holding=False) for word in _parts(words))
                case _:
                    refused = False
            if refused:
                return _denied(resource)
        return None

    def asked(self, decision: Decision, resources: Sequence[Resource]) -> Decision:
        """The decision; an ask where policy would let a command run that may do anything, unheld.

        That is one that is not fully known, one that gives a program code to run, or any at all in a workspace that
        holds devagent's own files, unless its extension names the sandbox that it will run in.
        """
        if decision.effect != "allow":
            return decision
        for resource in resources:
            if resource.kind == "command" and not _is_held(resource) and self._may_reach(resource):
                return _to_be_asked(decision, resource)
        return decision

    def _may_reach(self, resource: Resource) -> bool:
        return (
            resource.id == _UNKNOWN
            or any(tag in _RUNS_CODE or tag.startswith("unclear.") for tag in resource.tags)
            or self._touches(".", holding=True)
        )

    def _touches(self, name: str, *, holding: bool) -> bool:
        return any(
            _is_inside(place, own) or (holding and _is_inside(own, place))
            for place in self._places(name)
            for own in self._own
        ) or self._is_link(name)

    def _is_link(self, name: str) -> bool:
        """Whether a name inside the workspace is one more name of an own file."""
        try:
            found = os.stat(os.path.join(self._workspace, name))
        except (OSError, ValueError):
            return False
        if not stat.S_ISREG(found.st_mode) or found.st_nlink < 2:
            return False
        return any(
            (one.st_dev, one.st_ino) == (found.st_dev, found.st_ino) for one in self._own_files()
        )

    def _own_files(self) -> Iterator[os.stat_result]:
        for own in self._own:
            if os.path.isfile(own):
                yield os.stat(own)
            for folder, _, names in os.walk(own):
                for name in names:
                    try:
                        yield os.lstat(os.path.join(folder, name))
                    except OSError:
                        continue  # gone since its folder was read

    def _places(self, name: str) -> set[str]:
        """The place as it is named, and where it leads: the floor trusts nobody to have resolved links."""
        path = os.path.join(self._workspace, name)
        # With a NUL in it no file has that name, and no look-up takes it.
        real = path if "\0" in path else _real(path)
        return {_comparable(path), _comparable(real)}


def _real(path: str) -> str:
    """The path without links; itself where a link on the way may not be read (``/proc/1/root``): neither may what it leads to."""
    try:
        return os.path.realpath(path)
    except OSError:
        return path


def unanchored(waits_s: float, limit_s: int, policy: str, why: str) -> Decision:
    """A deny: the record has waited for its witness longer than policy lets anything be done but reading."""
    waited = f"the record is unanchored for {waits_s / 60:.0f} min, and {policy or 'policy'} allows {limit_s // 60}"
    grant = "Reach the witness: `devagent session anchor` says what is in the way"
    rule = RuleReference(
        rule=UNANCHORED, effect="deny", layer="floor", file=policy, why=waited, grant=grant
    )
    return Decision(
        effect="deny",
        reason=f"{waited}: the witness has not taken it ({why or 'it was not reached'}); until then only reading goes on",
        rules=(UNANCHORED,),
        determining=(rule,),
        grant=grant,
    )


def _words(command: str) -> list[str]:
    """The words of a command."""
    import shlex  # noqa: PLC0415  (only where a command is judged)

    try:
        return shlex.split(command)
    except ValueError:  # not one that a shell could have run
        return command.split()


def _parts(words: Sequence[str]) -> list[str]:
    """The words, and what follows the ``=`` of an option."""
    return [part for word in words for part in (word, word.partition("=")[2]) if part]


def _comparable(path: str) -> str:
    path = os.path.normpath(path)
    # The usual file systems of macOS and Windows take two spellings for one file.
    return path.casefold() if sys.platform in ("darwin", "win32") else path


def _is_inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def _denied(resource: Resource, what: str = _IS_ITS_OWN, name: str = RULE) -> Decision:
    rule = RuleReference(
        rule=name, effect="deny", layer="floor", why=_WHY, grant=GRANT, resource=resource.id
    )
    return Decision(
        effect="deny",
        reason=f"{resource.id} {what}; {_WHY} ({name}, below every policy)",
        rules=(name,),
        determining=(rule,),
        grant=GRANT,
    )


def _is_held(resource: Resource) -> bool:
    return any(tag.startswith("sandbox.") and tag != "sandbox.none" for tag in resource.tags)


def _to_be_asked(decision: Decision, resource: Resource) -> Decision:
    why = "what this may do cannot be known beforehand, and no sandbox holds it"
    rule = RuleReference(rule=UNBOUNDED, effect="ask", layer="floor", why=why, resource=resource.id)
    return replace(
        decision,
        effect="ask",
        reason=f"{resource.id}: {why} ({UNBOUNDED}, below every policy; `devagent doctor` says which sandbox is missing)",
        rules=tuple(sorted({*decision.rules, UNBOUNDED})),
        determining=(rule,),
    )
