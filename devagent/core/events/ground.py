"""What a session stands on: policy, the organisation's bundle, approvals on file, extensions."""

from typing import ClassVar, Literal

from devagent.core.events.base import BaseEvent
from devagent.core.tools import ExtensionReference


class PolicyLoaded(BaseEvent, frozen=True, kw_only=True, tag="policy.loaded"):
    """One layer's file as it was read. ``digest`` is of the file's bytes."""

    layer: str
    name: str
    digest: str
    rules: int
    file: str = ""


class PolicyLocked(BaseEvent, frozen=True, kw_only=True, tag="policy.locked"):
    """A required policy is missing or unusable: only the read-only baseline is in force."""

    reason: str


class BundleInForce(BaseEvent, frozen=True, kw_only=True, tag="bundle.in_force"):
    """The organisation's signed bundle that governs from here on: its revision and archive's digest, the machine's ring,
    how long ago the state was signed (``age_s``) and when (``issued``, seconds since 1970). ``state`` is ``fresh`` or
    ``stale``, then with ``why``. ``versions`` and ``keys`` by role: what this machine must not fall behind again."""

    org: str
    environment: str
    ring: str
    revision: int
    bundle: str
    state: Literal["fresh", "stale"]
    age_s: int
    issued: int
    approved_by: tuple[str, ...]
    versions: dict[str, int]
    keys: dict[str, str]
    shadow: str = ""
    why: str = ""


class BundleSynced(BaseEvent, frozen=True, kw_only=True, tag="bundle.synced"):
    """The organisation's server was asked for what is new. ``before`` and ``after`` are revisions (0: none). What was
    ``refused`` (``err``, and ``reason``) has changed nothing."""

    org: str
    environment: str
    outcome: Literal["updated", "renewed", "unchanged", "refused"]
    before: int
    after: int
    err: str = ""
    reason: str = ""


class BundleRevoked(BaseEvent, frozen=True, kw_only=True, tag="bundle.revoked"):
    """A revocation reached this session: from here on it denies all calls, or those of the extensions named."""

    reason: str
    extensions: tuple[str, ...] = ()


class ApprovalsLoaded(BaseEvent, frozen=True, kw_only=True, tag="approvals.loaded"):
    """A signed file of approvals may answer asks. ``digest`` is of the file's bytes, ``key`` names who signed,
    ``ids`` are its approvals, ``expires`` is the ISO date that the file holds up to and with."""

    key: str
    digest: str
    ids: tuple[str, ...]
    expires: str
    file: str = ""


class ExtensionLoaded(BaseEvent, frozen=True, kw_only=True, tag="extension.loaded"):
    ext: ExtensionReference
    tools: tuple[str, ...]


class ExtensionRefused(BaseEvent, frozen=True, kw_only=True, tag="extension.refused"):
    ext: ExtensionReference
    err: str


class ExtensionChanged(BaseEvent, frozen=True, kw_only=True, tag="extension.changed"):
    """Tools whose definition is not the approved one any more: withheld until somebody approves."""

    ext: ExtensionReference
    tools: tuple[str, ...]


class ResourceChanged(BaseEvent, frozen=True, kw_only=True, tag="resource.changed"):
    """Resources that were read with ``watch`` have changed since, says their server."""

    ext: ExtensionReference
    uris: tuple[str, ...]
    BODY: ClassVar[frozenset[str]] = frozenset({"uris"})
