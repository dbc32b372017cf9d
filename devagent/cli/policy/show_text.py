"""A policy as plain data, as text and as TOML, each part with the file and line that it comes from."""

from collections.abc import Iterator
from typing import Any

from devagent.core.codec import canonical, to_plain
from devagent.core.text import one_line
from devagent.policy import CompiledPolicy, Envelope, PolicyFile, Rule
from devagent.policy.describe import condition_in_words
from devagent.policy.plain import is_list, is_table
from devagent.policy.reasons import base_name
from devagent.policy.syntax import CLASSES

FEW = 8
SCOPE = ("principals", "tools", "classes", "access", "resources")


def as_data(policy: CompiledPolicy, locked: str) -> dict[str, Any]:
    """The whole policy as plain JSON data; ``locked``: why devagent is locked, or empty."""
    return {
        "version": 1,
        "digest": policy.digest,
        "locked": locked,
        "layers": [_layer(layer.name, layer.file) for layer in policy.layers],
    }


def _layer(place: str, file: PolicyFile) -> dict[str, Any]:
    data: dict[str, Any] = {
        "layer": place,
        "name": file.name,
        "file": file.file,
        "digest": file.digest,
        "mode": "shadow" if file.shadow else "enforce",
    }
    if file.org:
        data["default"] = {name: file.default.get(name, "deny") for name in CLASSES}
        data["groups"] = to_plain(file.groups)
    data["lists"] = file.lists
    data["tables"] = file.tables
    title = f"{place}/{file.name}"
    data["rules"] = [_rule(rule, file, title) for rule in file.rules]
    data["delegates"] = [_envelope(one, file) for one in file.envelopes]
    return data


def _rule(rule: Rule, file: PolicyFile, title: str) -> dict[str, Any]:
    data: dict[str, Any] = to_plain(rule)
    data["mode"] = "shadow" if file.shadow or data.pop("shadow", False) else "enforce"
    return {"rule": f"{title}#{rule.id}", "from": f"{file.file}:{rule.line}", **data}


def _envelope(envelope: Envelope, file: PolicyFile) -> dict[str, Any]:
    return {"from": f"{file.file}:{envelope.line}", **to_plain(envelope)}


# --- text ---


def as_text(data: dict[str, Any]) -> Iterator[str]:
    """The policy for reading: what holds where no rule speaks, then layer by layer."""
    if data["locked"]:
        yield f"LOCKED: {one_line(data['locked'], 600)}"
        yield ""
    for layer in data["layers"]:
        shadow = "  (shadow: changes nothing)" if layer["mode"] == "shadow" else ""
        yield f"{one_line(layer['layer'] + '/' + layer['name'])}  {one_line(layer['file'], 400)}{shadow}"
        if "default" in layer:
            spoken = ", ".join(f"{name} {effect}" for name, effect in layer["default"].items())
            yield f"  where no rule speaks: {spoken}"
        for name, members in layer.get("groups", {}).items():
            yield f"  group {one_line(name)} = {_values(members)}"
        for name, values in layer["lists"].items():
            yield f"  @{one_line(name)} = {_values(values)}"
        for name, table in layer["tables"].items():
            yield f"  [{name}] {_toml(table)}"
        for envelope in layer["delegates"]:
            yield f"  leaves to {', '.join(envelope['to'])}, at most {envelope['effect']}  ({_place(envelope)})"
            yield from _scope(envelope)
        for rule in layer["rules"]:
            yield from _rule_in_text(rule)
        yield ""
    yield f"Policy {data['digest']}"


def _rule_in_text(rule: dict[str, Any]) -> Iterator[str]:
    marks = [f"until {rule['expires']}"] if rule.get("expires") else []
    marks += ["shadow"] if rule["mode"] == "shadow" else []
    marks += ["sticky"] if rule.get("sticky") else []
    if list(rule.get("phase", ["call"])) != ["call"]:
        marks.append(f"phase {' and '.join(rule['phase'])}")
    more = f"  ({', '.join(marks)})" if marks else ""
    yield f"  {rule['effect']:5}  {one_line(rule['id'])}{more}  ({_place(rule)})"
    yield from _scope(rule)
    if rule.get("otherwise"):
        yield f"         otherwise {rule['otherwise']}"
    if rule.get("obligations"):
        yield f"         obligations {_toml(rule['obligations'])}"
    for key in ("why", "grant"):
        if rule.get(key):
            yield f"         {key}: {one_line(rule[key], 400)}"


def _place(entry: dict[str, Any]) -> str:
    return one_line(base_name(entry["from"]))


def _scope(scoped: dict[str, Any]) -> Iterator[str]:
    for key in SCOPE:
        if scoped.get(key) is not None:
            yield f"         {key} {_values(scoped[key])}"
    for key, spec in scoped.get("when", {}).items():
        yield f"         when {one_line(condition_in_words(key, spec), 400)}"


def _values(values: list[Any]) -> str:
    """The first few; --format toml has them all."""
    more = f" and {len(values) - FEW} more" if len(values) > FEW else ""
    shown = ", ".join(str(value) for value in values[:FEW])
    return one_line(shown, 400) + more or "nothing"


# --- TOML ---


def as_toml(data: dict[str, Any]) -> Iterator[str]:
    """The policy as one TOML document: ``[[layer]]`` with its ``[[layer.rule]]``, each with its place."""
    for key in ("version", "digest", "locked"):
        yield f"{key} = {_toml(data[key])}"
    for layer in data["layers"]:
        yield ""
        yield "[[layer]]"
        yield from _pairs(layer, leave_out=("rules", "delegates"))
        for envelope in layer["delegates"]:
            yield ""
            yield "[[layer.delegate]]"
            yield from _pairs(envelope)
        for rule in layer["rules"]:
            yield ""
            yield "[[layer.rule]]"
            yield from _pairs(rule)


def _pairs(table: dict[str, Any], leave_out: tuple[str, ...] = ()) -> Iterator[str]:
    for key, value in table.items():
        if key not in leave_out and value is not None:
            yield f"{_key(key)} = {_toml(value)}"


def _toml(value: Any) -> str:
    """A value in TOML's inline form."""
    if is_table(value):
        inside = ", ".join(f"{_key(key)} = {_toml(one)}" for key, one in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    if is_list(value):
        return f"[{', '.join(_toml(one) for one in value)}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    return repr(value)


def _key(key: str) -> str:
    bare = key.isascii() and key.replace("-", "a").replace("_", "a").isalnum()
    return key if bare else _text(key)


def _text(text: str) -> str:
    # A JSON string is a TOML basic string but for DEL, which TOML wants escaped.
    return canonical(text).decode().replace("\x7f", "\\u007F")
