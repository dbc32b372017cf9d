"""Who may sign what: the roles of a new repository, a key in the place of another, a team's own role."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from devagent.core.errors import ConfigError
from devagent.org.libraries import (
    DelegatedRole,
    Delegations,
    Key,
    Metadata,
    Root,
    Targets,
)
from devagent.org.repository import Repository, delegations_of
from devagent.org.terms import REVOKE


def found(
    repository: Repository,
    root_keys: Sequence[Key],
    *,
    root_threshold: int,
    people: Sequence[Key],
    targets_threshold: int,
    online: Mapping[str, Key],
    environments: Mapping[str, int],
    client: Mapping[str, Any],
) -> None:
    """Stage the first version of every role. ``environments``: name → threshold."""
    if os.path.exists(repository.metadata):
        raise ConfigError(f"{repository.folder} holds a repository already")
    root = Root(expires=repository.until("root"), consistent_snapshot=True)
    root.unrecognized_fields["x-devagent-client"] = dict(client)
    for key in root_keys:
        root.add_key(key, "root")
    root.roles["root"].threshold = root_threshold
    for key in people:
        root.add_key(key, "targets")
    root.roles["targets"].threshold = targets_threshold
    for name, key in online.items():
        root.add_key(key, name)
    repository.stage_as_it_is("root", Metadata(root))
    targets = Targets(expires=repository.until("targets"))
    targets.delegations = Delegations({}, {})
    for name, threshold in environments.items():
        _delegate(targets, f"env-{name}", people, threshold, [f"{name}/*"])
    _delegate(targets, REVOKE, people, 1, ["revocations.json"])
    repository.stage_as_it_is("targets", Metadata(targets))
    for name in environments:
        repository.stage_as_it_is(
            f"env-{name}", Metadata(Targets(expires=repository.until(f"env-{name}")))
        )
    repository.stage_as_it_is(REVOKE, Metadata(Targets(expires=repository.until(REVOKE))))


def _delegate(
    targets: Targets,
    name: str,
    keys: Sequence[Key],
    threshold: int,
    paths: list[str],
    extra: Mapping[str, Any] | None = None,
) -> None:
    roles, known = delegations_of(targets)
    role = DelegatedRole(name, [key.keyid for key in keys], threshold, True, paths=paths)
    role.unrecognized_fields.update(extra or {})
    roles[name] = role
    for key in keys:
        known[key.keyid] = key


def replace_key(repository: Repository, old: str, new: Key) -> list[str]:
    """Put a new key in the place of another in every role that has it; the roles that must be signed anew."""
    changed: list[str] = []
    root = repository.change("root")
    for name, role in root.signed.roles.items():
        if old in role.keyids:
            root.signed.revoke_key(old, name)
            root.signed.add_key(new, name)
            changed.append(name)
    if changed:
        repository.stage("root", root)
    targets = repository.change("targets")
    roles, known = delegations_of(targets.signed)
    delegated = [name for name, role in roles.items() if old in role.keyids]
    for name in delegated:
        roles[name].keyids = [new.keyid if id == old else id for id in roles[name].keyids]
        known[new.keyid] = new
    known.pop(old, None)
    restage = ["root"] if changed else []
    if delegated or "targets" in changed:
        repository.stage("targets", targets)
        restage.append("targets")
    for name in delegated:
        if repository.is_published(name):
            repository.stage(name, repository.change(name))
            restage.append(name)
    return restage


def add_team(
    repository: Repository,
    name: str,
    keys: Sequence[Key],
    threshold: int,
    principals: Sequence[str],
) -> None:
    """Let a team sign files of its own below ``team/NAME/``, for these principals."""
    targets = repository.change("targets")
    role = f"team-{name}"
    extra = {"x-devagent-for": list(principals)}
    _delegate(targets.signed, role, keys, threshold, [f"team/{name}/*"], extra)
    repository.stage("targets", targets)
    repository.stage_as_it_is(role, Metadata(Targets(expires=repository.until(role))))
