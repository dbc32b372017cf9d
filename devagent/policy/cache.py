"""A parsed file as JSON bytes: what is kept beside its digest, so that TOML is parsed once.

Never pickle: reading a cache runs nothing. ``FORMAT`` changes with the structs of ``syntax``; a cache
of another format is no cache.
"""

import msgspec
from msgspec import Struct

from devagent.policy.syntax import PolicyFile

FORMAT = 1


class _Cached(Struct):
    format: int
    policy: PolicyFile


def to_cache(policy: PolicyFile) -> bytes:
    """The file as JSON; ``from_cache`` gives back an equal one."""
    return msgspec.json.encode(_Cached(FORMAT, policy))


def from_cache(data: bytes) -> PolicyFile:
    """The file from its JSON. Raises ValueError for anything but this version's own bytes."""
    cached = msgspec.json.decode(data, type=_Cached)
    if cached.format != FORMAT:
        raise ValueError(f"a policy cache of format {cached.format}, not {FORMAT}")
    return cached.policy
