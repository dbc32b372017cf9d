"""The policy in force: which files, in which places, compiled.

The organisation's file is looked for first, before anything of the workspace is read. Where there is
none (nobody is enrolled) the shipped ``baseline`` stands in its place. A required file that is
damaged locks devagent (the shipped ``locked`` policy: reading only); a damaged lower file is an error.
There is no way from here to "no policy".
"""

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from msgspec import Struct
from msgspec.structs import replace

from devagent.core.codec import sha256
from devagent.core.errors import PolicyError
from devagent.core.principal import Principal
from devagent.core.tools import ToolSpec
from devagent.disk import replace_file
from devagent.policy import CompiledPolicy, PolicyFile, compile_policy, from_cache, parse, to_cache
from devagent.policy.document import decoded
from devagent.policy.syntax import LayerName, speaks_of_arguments
from devagent.settings import places as _places
from devagent.settings.places import Places
from devagent.settings.trusted_file import read_trusted

Tools = Callable[[], Iterable[ToolSpec]]
"""Gives the tools of the extensions that are here, when it is called."""


class Layer(Struct, frozen=True):
    """One file in force. ``digest`` is the SHA-256 of its bytes."""

    layer: str
    name: str
    file: str
    digest: str
    rules: int


class SignedFile(Struct, frozen=True):
    """A policy file of an organisation's bundle, verified. ``layer``: org, team or narrowing. ``principals``: it speaks for
    these alone, where any are named; ``lapsed``: what it allows opens nothing any more, all that it narrows goes on;
    ``broken``: why it cannot be relied on."""

    layer: LayerName
    path: str
    data: bytes
    principals: tuple[str, ...] = ()
    lapsed: bool = False
    broken: str = ""


class SignedPolicy(Struct, frozen=True):
    """What an enrolled machine's organisation says: its verified files, the org's own first; or why there are none."""

    files: tuple[SignedFile, ...] = ()
    refused: str = ""
    who: Principal = Principal()


class EffectivePolicy(Struct, frozen=True):
    """What holds. ``locked`` is the reason where a required policy is unusable, else empty."""

    compiled: CompiledPolicy
    layers: tuple[Layer, ...]
    locked: str = ""


def org_file() -> str:
    """Where the organisation's policy lies on this machine; nothing in the environment moves it."""
    return os.path.join(_places.ORG_FOLDER, "policy.toml")


def is_enrolled() -> bool:
    """Whether an organisation governs this machine: its folder marks that, whatever is in it.

    A link that leads nowhere counts: what it led to may be a share that is not mounted.
    """
    return any(map(os.path.lexists, (_places.ORG_FOLDER, *_places.enrolments())))


def effective_policy(
    here: Places,
    *,
    org_file: str = "",
    local_file: str = "",
    narrowing: Sequence[str] = (),
    tools: Tools | None = None,
    signed: SignedPolicy | None = None,
) -> EffectivePolicy:
    """The policy in force.

    ``signed`` is the bundle's of an enrolled machine, which stands in the org's place; a file that the machine's manager
    put there beside it is one more layer below.

    ``org_file`` and ``local_file`` put other files in those places (the demo's sample company).
    ``narrowing`` are files from the command line: one more layer each, never the org's.
    ``tools`` gives those of the extensions that are here; it is called only where a condition is about
    an argument, which must then fit (an org file that does not fit is damaged, as any other slip makes it).
    Raises PolicyError for a damaged or missing file below the org's place.
    """
    if signed is None or org_file:
        first, locked = _org(here, org_file, tools)
        files = [first]
    else:
        files, locked = _signed(here, signed, tools)
    local = _optional(local_file or here.policy, here, tools)
    if local is not None:
        files.append(local)
    files += [_narrowing(path, tools) for path in narrowing]
    layers = tuple(
        Layer(
            layer="org" if position == 0 else file.layer,
            name=file.name,
            file=file.file,
            digest=digest,
            rules=len(file.rules),
        )
        for position, (file, digest) in enumerate(files)
    )
    return EffectivePolicy(
        compiled=compile_policy([file for file, _ in files]), layers=layers, locked=locked
    )


Read = tuple[PolicyFile, str]


def _org(here: Places, given: str, tools: Tools | None) -> tuple[Read, str]:
    path = given or org_file()
    try:
        # Never from the cache: that lies in a folder its user can write, and this must not be loosened.
        data = read_trusted(path, root_only=not given)
        return (_fitting(parse(data, path, org=True), data, tools), sha256(data)), ""
    except FileNotFoundError:
        if given or is_enrolled():
            # The folder marks an enrolled machine: a policy that is gone is not "no policy".
            reason = f"this machine is governed by an organisation, but {path} is missing"
            return _shipped("locked", here), reason
        return _shipped("baseline", here), ""
    except PolicyError as error:
        return _shipped("locked", here), f"the organisation's policy is not usable: {error.what}"


def _signed(here: Places, signed: SignedPolicy, tools: Tools | None) -> tuple[list[Read], str]:
    if signed.refused:
        return [_shipped("locked", here)], signed.refused
    files: list[Read] = []
    try:
        for number, one in enumerate(signed.files):
            if one.principals:
                # Before it is read: what a team gets wrong is nobody else's matter.
                names = compile_policy([files[0][0]]).names(signed.who)
                if names.isdisjoint(one.principals):
                    continue
            if one.broken:
                raise PolicyError(one.broken, file=one.path)
            file = parse(one.data, one.path, org=number == 0)
            if number:
                # What lapsed speaks for a layer that no envelope names: its allows open nothing any more, and what
                # they oblige to, or refuse by ``otherwise``, goes on.
                file = replace(file, layer="narrowing" if one.lapsed else one.layer)
            files.append((_fitting(file, one.data, tools), sha256(one.data)))
        try:
            data = read_trusted(org_file(), root_only=True)
            beside = parse(data, org_file(), org=None)
            beside = replace(beside, layer="narrowing", groups={}, envelopes=(), org=False)
            files.append((_fitting(beside, data, tools), sha256(data)))
        except (FileNotFoundError, NotADirectoryError):
            pass  # nothing was put there
    except PolicyError as error:
        return [_shipped("locked", here)], f"the organisation's policy is not usable: {error.what}"
    return files, ""


def _shipped(name: str, here: Places) -> Read:
    from devagent_policies import path_of  # noqa: PLC0415  (only where no organisation's file is in force)

    path = path_of(name)
    with open(path, "rb") as file:
        data = file.read()
    if name == "locked":  # on an enrolled machine: as the org's own file, never from the cache
        return parse(data, path, org=True), sha256(data)
    return _parsed(data, path, here, org=True)


def _fitting(file: PolicyFile, data: bytes, tools: Tools | None) -> PolicyFile:
    """The file, whose conditions on arguments fit the tools that are here. Raises PolicyError."""
    if tools is not None and speaks_of_arguments(file):
        from devagent.policy.tool_types import check_tools  # noqa: PLC0415  (most policies need none)

        check_tools(file, tools(), decoded(data, file.file))
    return file


def _optional(path: str, here: Places, tools: Tools | None) -> Read | None:
    try:
        data = read_trusted(path)
        file, digest = _parsed(data, path, here)
        if file.layer != "local":
            # It could take what the org leaves to that layer; what it forbids is welcome here too.
            file = replace(file, layer="narrowing")
        return _fitting(file, data, tools), digest
    except (FileNotFoundError, NotADirectoryError):
        return None


def _narrowing(path: str, tools: Tools | None) -> Read:
    try:
        data = read_trusted(path, narrows_only=True)
    except FileNotFoundError as e:
        raise PolicyError("there is no such policy file", file=path) from e
    # A layer of its own that no envelope names: whatever the file says, a flag only narrows.
    file = replace(parse(data, path), layer="narrowing")
    return _fitting(file, data, tools), sha256(data)


def _parsed(data: bytes, path: str, here: Places, *, org: bool = False) -> Read:
    """The file, from the cache where these bytes were read before (parsing costs what TOML costs).

    The cache is as trusted as the person's own policy file, and is read on the same terms.
    """
    digest = sha256(data)
    cached = os.path.join(here.cache, f"{sha256(f'{digest}{path}{org}'.encode())}.json")
    kept = _kept(cached)
    if kept is not None and (kept.digest, kept.file, kept.org) == (digest, path, org):
        return kept, digest
    parsed = parse(data, path, org=org)
    _keep(cached, to_cache(parsed))
    return parsed, digest


def _kept(path: str) -> PolicyFile | None:
    """The parsed file at ``path``; None where there is none, or none that can be trusted."""
    try:
        return from_cache(read_trusted(path))
    except (OSError, ValueError, RecursionError, PolicyError):
        return None


def _keep(path: str, data: bytes) -> None:
    """Write whole or not at all; a cache that cannot be written costs time, nothing else."""
    with suppress(OSError):
        folder = os.path.dirname(path)
        # One by one: of folders made together only the last would get this mode.
        os.makedirs(os.path.dirname(folder), mode=0o700, exist_ok=True)
        os.makedirs(folder, mode=0o700, exist_ok=True)
        replace_file(path, data, to_disk=False)
