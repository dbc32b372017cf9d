"""The policy language a second time, as slowly and plainly as it can be said: the differential test's other side.

It takes files as TOML gives them and requests as JSON gives them, knows no index and no compiled form,
matches globs by regular expressions, and shares no code with ``devagent.policy``.
"""

import re
from typing import Any, TypeGuard

Data = dict[str, Any]
Leaf = tuple[Any, str | None]
"""A value and its JSON pointer below the arguments (None where it is no argument)."""

ORDER = ["deny", "ask", "allow"]
SEPARATOR = {
    **dict.fromkeys(["path", "repo", "branch", "remote", "doc", "ticket", "model", "mcp"], "/"),
    **dict.fromkeys(["table", "column", "source", "host", "tag"], "."),
    "command": " ",
}
MISSING = ("missing",)


def is_table(value: Any) -> TypeGuard[Data]:
    return isinstance(value, dict)


def is_list(value: Any) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def table(value: Any) -> Data:
    """A table that may be left out."""
    return value if is_table(value) else {}


def listed(value: Any) -> list[Any]:
    """A list that may be left out."""
    return value if is_list(value) else []


def lowest(effects: list[str]) -> str:
    return min(effects, key=ORDER.index)


def glob(pattern: str, text: str, separator: str) -> bool:
    """Whether the glob matches the whole text; an empty separator lets ``*`` match anything."""
    single = f"[^{re.escape(separator)}]*" if separator else ".*"
    expression = re.escape(pattern).replace(r"\*\*", ".*").replace(r"\*", single)
    return re.fullmatch(expression, text, re.DOTALL) is not None


def names_of(principal: Data, groups: Data) -> set[str]:
    given = [
        ("user", principal.get("user")),
        ("agent", principal.get("agent")),
        ("ci", principal.get("ci")),
        ("for", principal.get("on_behalf_of")),
        *(("group", group) for group in listed(principal.get("groups"))),
    ]
    names = {f"{kind}:{value}" for kind, value in given if value}
    joined = {
        f"group:{group}"
        for group, members in groups.items()
        if any(glob(member, name, "") for member in members for name in names)
    }
    return names | joined


# --- conditions ---


def every(truths: list[bool | None]) -> bool | None:
    return False if False in truths else None if None in truths else True


def some(truths: list[bool | None]) -> bool | None:
    return True if True in truths else None if None in truths else False


def kind_of(value: Any) -> str:
    if isinstance(value, bool):
        return "truth"
    return (
        "text"
        if isinstance(value, str)
        else "number"
        if isinstance(value, int | float)
        else "other"
    )


def same(a: Any, b: Any) -> bool:
    return kind_of(a) != "other" and kind_of(a) == kind_of(b) and a == b


def child(pointer: str | None, step: object) -> str | None:
    if pointer is None:
        return None
    return f"{pointer}/{str(step).replace('~', '~0').replace('/', '~1')}"


def descend(value: Any, steps: list[str], pointer: str | None) -> Any:
    """The value as nested leaves: a scalar or table is a Leaf, a list is a list of such, or MISSING."""
    if is_list(value):
        inner = [descend(v, steps, child(pointer, i)) for i, v in enumerate(value)]
        if not steps:
            return inner
        flat: list[Any] = []
        for one in inner:
            flat += [] if one is MISSING else one if is_list(one) else [one]
        return flat
    if not steps:
        return value, pointer
    if not is_table(value) or value.get(steps[0]) is None:
        return MISSING
    return descend(value[steps[0]], steps[1:], child(pointer, steps[0]))


def scalars(value: Any, pointer: str) -> list[Leaf]:
    if is_table(value):
        return [leaf for k, v in value.items() for leaf in scalars(v, child(pointer, k) or "")]
    if is_list(value):
        return [leaf for i, v in enumerate(value) for leaf in scalars(v, child(pointer, i) or "")]
    return [] if value is None else [(value, pointer)]


def find(key: str, request: Data, names: set[str]) -> Any:
    if "|" in key:
        found = [find(part, request, names) for part in key.split("|")]
        found = [f for f in found if f is not MISSING]
        flat: list[Any] = []
        for one in found:
            flat += one if is_list(one) else [one]
        return flat if found else MISSING
    if "@" in key:
        fact = table(request.get("facts")).get(key)
        pointer = "/" + "/".join(key.split(".")[1:])
        return MISSING if fact is None else descend(fact, [], pointer)
    if key == "args.**":
        return scalars(table(request.get("args")), "")
    if key == "principal.groups":
        return [(n.removeprefix("group:"), None) for n in sorted(names) if n.startswith("group:")]
    root, *steps = ("context.mode" if key == "mode" else key).split(".")
    found = descend(table(request.get(root)), steps, "" if root == "args" else None)
    return MISSING if found == ("", None) and root == "principal" else found


def holds(want: Any, found: Any, world: Data) -> bool | None:
    if is_list(want) or (isinstance(want, str) and want.startswith("@")):
        want = {"in": want}
    elif not is_table(want):
        want = {"eq": want}
    return every([operator(name, operand, found, world) for name, operand in want.items()])


def operator(name: str, want: Any, found: Any, world: Data) -> bool | None:
    many = is_list(found)
    if name == "absent":
        return (found is MISSING) == want
    if found is MISSING:
        return None
    if name == "not":
        inner = holds(want, found, world)
        return None if inner is None else not inner
    if name == "any":
        return some([holds(want, one, world) for one in (found if many else [found])])
    if name in ("len_min", "len_max"):
        if not many and not isinstance(found[0], str):
            return None
        size = len(found if many else found[0])
        return size >= want if name == "len_min" else size <= want
    if name == "contains" and many:
        return any(not is_list(one) and same(want, one[0]) for one in found)
    if many:
        return every([operator(name, want, one, world) for one in found])
    return scalar_operator(name, want, found, world)


def scalar_operator(name: str, want: Any, found: Leaf, world: Data) -> bool | None:
    value, pointer = found
    if name == "either":
        return some([holds(one, found, world) for one in want])
    if name == "origin_in":
        origins = listed(world["origins"].get(pointer)) if pointer is not None else []
        return any(glob(pattern, origin, ".") for pattern in want for origin in origins)
    if is_table(value):
        return None
    if name == "eq":
        return same(want, value)
    if name in ("in", "not_in", "mentions"):
        options = world["lists"][want[1:]] if isinstance(want, str) else want
        if name != "mentions":
            return any(same(option, value) for option in options) == (name == "in")
        if not isinstance(value, str):
            return None
        return any(option.casefold() in value.casefold() for option in options)
    if name in ("min", "max"):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return None
        return value >= want if name == "min" else value <= want
    if not isinstance(value, str):
        return None
    if name == "contains":
        return want in value if isinstance(want, str) else None
    return {
        "prefix": lambda: value.startswith(want),
        "suffix": lambda: value.endswith(want),
        "glob": lambda: glob(want, value, "/"),
        "not_glob": lambda: not glob(want, value, "/"),
    }[name]()


def conditions(when: Data, request: Data, names: set[str], lists: Data) -> bool | None:
    context = table(request.get("context"))
    world: Data = {"origins": table(context.get("origins")), "lists": lists}
    truths: list[bool | None] = []
    for key, want in when.items():
        if key in ("taint_none", "taint_any"):
            labels = listed(context.get("taint"))
            met = any(glob(pattern, label, ".") for pattern in want for label in labels)
            truths.append(met == (key == "taint_any"))
        else:
            truths.append(holds(want, find(key, request, names), world))
    return every(truths)


# --- rules and layers ---


def covers(entry: Data, resource: Data) -> bool:
    if "access" in entry and resource["access"] not in entry["access"]:
        return False
    if "resources" not in entry:
        return True
    for pattern in entry["resources"]:
        kind, _, rest = pattern.partition(":")
        own, _, name = resource["id"].partition(":")
        if kind == "tag":
            if any(glob(rest, tag, ".") for tag in resource["tags"]):
                return True
        elif kind == own and ":" in resource["id"] and glob(rest, name, SEPARATOR[kind]):
            return True
    return False


def meant(entry: Data, request: Data, names: set[str]) -> bool:
    tool = f"{request['extension']}.{request['tool']}"
    return (
        request["phase"] in entry.get("phase", ["call"])
        and (
            "principals" not in entry
            or any(glob(p, n, "") for p in entry["principals"] for n in names)
        )
        and any(glob(t, tool, ".") for t in entry.get("tools", ["**"]))
        and request["class"] in entry.get("classes", [request["class"]])
    )


def verdict(rule: Data, request: Data, names: set[str], lists: Data) -> str | None:
    """What a rule says to a request whose resource it covers."""
    expires = rule.get("expires")
    if expires is not None and request["context"]["today"] >= str(expires):
        return None
    if not meant(rule, request, names):
        return None
    truth = conditions(rule.get("when", {}), request, names, lists)
    if rule["effect"] == "allow":
        return "allow" if truth is True else rule.get("otherwise")
    return rule["effect"] if truth is not False else None


def merged(owed: list[Data]) -> Data:
    masks = ["range", "partial", "tokenise", "hash", "null"]
    out: Data = {}
    for name in {name for one in owed for name in one}:
        values = [one[name] for one in owed if name in one]
        if name in ("require_reason", "two_person", "log_full"):
            out[name] = any(values)
        elif name == "redact":
            out[name] = sorted({word for value in values for word in value})
        elif name == "min_group":
            out[name] = max(values)
        elif name in ("mask", "filter"):
            keys = {key for value in values for key in value}
            per_key = {key: [value[key] for value in values if key in value] for key in keys}
            out[name] = {
                key: max(all_of, key=masks.index) if name == "mask" else sorted(set(all_of))
                for key, all_of in per_key.items()
            }
        else:
            out[name] = min(values)
    return out


def answer(request: Data, files: list[Data]) -> Data:
    """``{"effect", "rules", "obligations"}`` by the files, the first in the org's place."""
    given = {key: value for key, value in request.items() if value is not None}
    asked: Data = {"class": "exec", "phase": "call", "context": {}, "principal": {}, **given}
    org = files[0]
    names = names_of(asked["principal"], org.get("groups", {}))
    access = "read" if asked["class"] == "read" else "write"
    resources: list[Data] = [
        {"id": r, "access": access, "tags": []}
        if isinstance(r, str)
        else {"access": access, "tags": [], **r}
        for r in listed(asked.get("resources")) or [""]
    ]
    effects: list[str] = []
    matched: set[str] = set()
    owed: list[Data] = []
    for resource in resources:
        said: list[tuple[str, str]] = []
        org_said: list[str] = []
        for position, file in enumerate(files):
            layer = file.get("layer", "local") if position else "org"
            here: list[str] = []
            for rule in file.get("rule", []):
                if "shadow" in (file.get("mode"), rule.get("mode")) or not covers(rule, resource):
                    continue
                effect = verdict(rule, asked, names, file.get("lists", {}))
                if effect is not None:
                    here.append(effect)
                    matched.add(f"{layer}/{file.get('name', '')}#{rule['id']}")
                    owed.append(rule.get("obligations", {}))
            if here and position:
                said.append((layer, lowest(here)))
            elif here:
                org_said = here
        if not org_said:
            org_said = [silence(asked, resource, org, names, said)]
        effects.append(lowest([*org_said, *(effect for _, effect in said)]))
    effect = lowest(effects)
    obligations = merged(owed) if effect != "deny" else {}
    house = {"redact", "require_reason", "two_person", "log_full"}
    if "can" in asked and not set(obligations) - house <= set(asked["can"]):
        effect, obligations = "deny", {}
    return {"effect": effect, "rules": sorted(matched), "obligations": obligations}


def silence(
    request: Data, resource: Data, org: Data, names: set[str], said: list[tuple[str, str]]
) -> str:
    """What the org's silence means for one resource."""
    filled: list[str] = []
    for layer, effect in said:
        envelopes = [
            envelope["effect"]
            for envelope in org.get("delegate", [])
            if org.get("mode") != "shadow"
            and layer in envelope["to"]
            and covers(envelope, resource)
            and meant(envelope, request, names)
            and conditions(envelope.get("when", {}), request, names, org.get("lists", {})) is True
        ]
        if envelopes:
            filled.append(lowest([effect, max(envelopes, key=ORDER.index)]))
    if filled:
        return lowest(filled)
    default = org.get("default", "deny")
    return default.get(request["class"], "deny") if is_table(default) else default
