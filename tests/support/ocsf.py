"""Checks OCSF events against what the schema 1.8.0 says: names, types, what is required, values, and profiles.

``ocsf_1_8_0.json`` holds those facts for the classes and objects that exports use, in words of our own: a type
(``text``, ``whole``, ``flag``, ``any``, ``object NAME``), ``list of``, ``required``, ``deprecated``, ``in`` values,
``of`` profiles that an event must name to have it.
"""

from pathlib import Path
from typing import Any

import msgspec

_FACTS: dict[str, Any] = msgspec.json.decode(Path(__file__).with_name("ocsf_1_8_0.json").read_bytes())  # fmt: skip


def faults(event: dict[str, Any]) -> list[str]:
    """What is wrong with an event; empty where it is valid."""
    uid = event.get("class_uid", 0)
    known = _FACTS["classes"].get(str(uid))
    if known is None:
        return [f"class_uid {uid} is not known"]
    profiles = set(event.get("metadata", {}).get("profiles", []))
    found = list(_object(event, known["attributes"], profiles, "event"))
    if event.get("metadata", {}).get("version") != _FACTS["version"]:
        found.append("metadata.version is another")
    if event.get("category_uid") != uid // 1000:
        found.append("category_uid does not fit class_uid")
    if event.get("type_uid") != uid * 100 + event.get("activity_id", -1):
        found.append("type_uid does not fit class_uid and activity_id")
    return found


def _object(value: dict[str, Any], attributes: dict[str, str], profiles: set[str], at: str) -> list[str]:  # fmt: skip
    found: list[str] = []
    for name, fact in attributes.items():
        if " required" in fact and name not in value:
            found.append(f"{at}.{name} is required")
    for name, one in value.items():
        fact = attributes.get(name)
        if fact is None:
            found.append(f"{at}.{name} is not in the schema")
            continue
        if " deprecated" in fact:
            found.append(f"{at}.{name} is deprecated")
        _, _, brought = (
            fact.partition(" of ") if "list of" not in fact else fact[8:].partition(" of ")
        )
        if brought and not profiles & set(brought.split(",")):
            found.append(f"{at}.{name} needs a profile of {brought}")
        found += _value(one, fact, profiles, f"{at}.{name}")
    return found


def _value(value: Any, fact: str, profiles: set[str], at: str) -> list[str]:
    if fact.startswith("list of "):
        if not isinstance(value, list) or not value:
            return [f"{at} is no list, or an empty one"]
        return [f for one in value for f in _value(one, fact[8:], profiles, at)]  # pyright: ignore[reportUnknownVariableType]
    kind, *rest = fact.split(" ")
    match kind:
        case "object":
            about = _FACTS["objects"].get(rest[0])
            if about is None:
                return [f"{at} is of {rest[0]}, which is not recorded"]
            if not isinstance(value, dict):
                return [f"{at} is no object"]
            found = _object(value, about["attributes"], profiles, at)  # pyright: ignore[reportUnknownArgumentType]
            if not set(about.get("at_least_one", value)) & set(value):  # pyright: ignore[reportUnknownArgumentType]
                found.append(f"{at} lacks each of {about['at_least_one']}")
            return found
        case "whole":
            if not isinstance(value, int) or isinstance(value, bool):
                return [f"{at} is no whole number"]
            allowed = fact.partition(" in ")[2].split(" ")[0]
            if allowed and str(value) not in allowed.split(","):
                return [f"{at} is {value}, not one of {allowed}"]
            return []
        case "text":
            return [] if isinstance(value, str) and value else [f"{at} is no text, or empty"]
        case "flag":
            return [] if isinstance(value, bool) else [f"{at} is no boolean"]
        case _:
            return []
