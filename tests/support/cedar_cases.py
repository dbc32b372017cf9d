"""Random policies and calls within what Cedar can say exactly, with the tools that they are about.

Small alphabets, so that rules and calls meet often; made of ``random`` rather than of strategies, since
there are thousands of calls and none needs to be shrunk by hand.
"""

from random import Random
from typing import Any

from devagent.core.tools import ToolClass, ToolSpec
from tests.support.policy_cases import TODAY

Data = dict[str, Any]


def _tool(
    name: str, tool_class: ToolClass, properties: Data, required: tuple[str, ...] = ()
) -> ToolSpec:
    extension, _, tool = name.partition(".")
    schema = {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }
    return ToolSpec(extension, tool, tool_class, "", schema, ("limit_rows",))


_TEXTS = {"type": "array", "items": {"type": "string"}}
TOOLS = [
    _tool(
        "sql.query",
        "read",
        {"sql": {"type": "string"}, "limit": {"type": "integer", "default": 100}},
        ("sql",),
    ),
    _tool(
        "git.push",
        "net",
        {
            "ref": {"type": "string"},
            "force": {"type": "string", "enum": ["none", "with_lease", "force"]},
            "tags": {"type": "boolean"},
            "limit": {"type": ["integer", "null"]},
        },
    ),
    _tool(
        "mail.send",
        "write",
        {
            "to": _TEXTS,
            "cc": {"anyOf": [_TEXTS, {"type": "null"}]},
            "from": {"type": "string"},
            "priority": {"enum": ["high", "low"]},
            "sizes": {"type": "array", "items": {"type": "integer"}},
            "options": {
                "type": "object",
                "properties": {"retries": {"type": "integer"}, "note": {"type": "string"}},
                "additionalProperties": False,
            },
        },
        ("to",),
    ),
    _tool("sys.status", "read", {}),
]
_WORDS = [
    "a@acme.example",
    "b@x.example",
    "a@x.example",
    "dev/a",
    "dev/a/b",
    'q"*\\',
    "",
    "force",
    "none",
]
_TEXT_KEYS = ["args.sql", "args.ref", "args.force", "args.from", "args.options.note", "principal.user", "principal.ci", "mode", "context.env", "args.priority"]  # fmt: skip
_NUMBER_KEYS = ["args.limit", "args.options.retries", "context.level"]
_LIST_KEYS = ["args.to", "args.cc", "args.to|args.cc", "args.from|args.to", "args.body.@hosts", "args.**.@emails"]  # fmt: skip
_IDS = [
    "table:dev.shop.orders", "table:prod.shop.orders", "table:prod.shop.secret.orders", "path:src/a.py",
    "path:src/lib/b.py", "path:src/id_rsa", "path:lib/id_rsa/id_rsa.pub", "path:id_rsa/x", "path:.env", "path:a/b/.env",
    "host:api.bank.example", "branch:origin/main", "branch:origin/dev", "command:git status -s", "odd:x",
]  # fmt: skip
_RESOURCES = [
    "table:dev.**", "table:*.shop.orders", "table:prod.*.orders", "table:**", "path:src/*", "path:src/**",
    "path:**/id_rsa*", "path:**/*.py", "path:src/**/b.*", "path:**.env", "host:*.bank.example", "branch:*/main",
    "branch:origin/*", "path:.env", "table:prod.shop.orders", "command:git **", "tag:pii.*", "tag:pii.**", "tag:pii.email", "tag:**",
]  # fmt: skip
_PRINCIPALS = [
    "user:ana", "user:*", "group:eng", "group:ops", "group:staff", "agent:main", "ci:acme/*", "for:d*", "*", "user:a*",
    "group:*", "**",
]  # fmt: skip


def _text_spec(random: Random) -> Any:
    words = random.sample(_WORDS, 2)
    return random.choice(
        [
            words[0],
            words,
            "@known",
            {"not_in": words},
            {"prefix": "dev/"},
            {"suffix": "x.example"},
            {"contains": random.choice(["@", "*", '"'])},
            {"glob": random.choice(["dev/*", "*@*.example", "**.example", "*"])},
            {"not_glob": random.choice(["dev/*", "**/b", "a@*"])},
            {"len_min": random.choice([0, 1])},
            {"len_max": 0},
            {"absent": random.choice([True, False])},
            {"either": [words[0], {"prefix": "dev"}]},
            {"not": {"prefix": "dev/", "suffix": "b"}},
            {"any": {"suffix": "example"}},
            {"min": 5},
            7,
        ]
    )


def _number_spec(random: Random) -> Any:
    return random.choice(
        [
            {"max": random.choice([10, 10.5, 1000])},
            {"min": random.choice([1, 7.5, 200])},
            {"min": 5, "max": 500},
            [5, 100, 1.0],
            {"not": {"max": 100}},
            {"not_in": [5]},
            {"absent": True},
            100,
        ]
    )


def _list_spec(random: Random) -> Any:
    words = random.sample(_WORDS, 3)
    nothing: list[str] = []
    specs: list[Any] = [
        words[0],
        words,
        {"in": words, "len_min": 1},
        {"not_in": words[:2]},
        {"contains": words[0]},
        {"any": words[:2]},
        {"any": {"not_in": words}},
        {"not": {"in": words}},
        {"len_min": 1},
        {"len_max": 0},
        {"absent": True},
        {"not": {"any": words[0]}},
        {"in": nothing},
    ]
    return random.choice(specs)


_BEYOND: list[tuple[list[str], list[Any]]] = [
    (_TEXT_KEYS, [{"mentions": ["DEV", "x.example"]}, {"len_min": 2}, {"len_max": 5}, {"glob": "**@*.exa*"}, {"not_glob": "**/a*"}]),
    (_LIST_KEYS, [{"prefix": "a@"}, {"len_min": 2}, {"any": {"suffix": "example"}}, {"not": {"glob": "*@x.*"}}, {"mentions": "@known"}]),
    (["args.sizes"], [{"max": 1}, {"any": {"min": 2}}, {"not": {"min": 2}}]),
    (["args.to", "args.from", "args.**"], [{"origin_in": ["prompt"]}, {"not": {"origin_in": ["result:**"]}}]),
    (["args.**", "context.odd", "principal.groups"], ["eng", {"not_in": ["eng"]}, {"absent": True}, {"not": "a@x.example"}]),
]  # fmt: skip
"""Conditions that Cedar can not say, or only in part: keys, and what is asked of them."""


def _when(random: Random, *, beyond: bool) -> Data:
    when: Data = {}
    if beyond and random.random() < 0.4:
        keys, specs = random.choice(_BEYOND)
        when[random.choice(keys)] = random.choice(specs)
    for _ in range(random.choice([0, 0, 1, 1, 2])):
        kind = random.random()
        if kind < 0.35:
            key, spec = random.choice(_TEXT_KEYS), _text_spec(random)
            if key != "context.env" or spec not in (
                7,
                {"min": 5},
            ):  # a key of the context has one type
                when[key] = spec
        elif kind < 0.6:
            when[random.choice(_NUMBER_KEYS)] = _number_spec(random)
        elif kind < 0.8:
            when[random.choice(_LIST_KEYS)] = _list_spec(random)
        elif kind < 0.86:
            when["args.tags"] = random.choice([True, False, {"not": True}])
        elif kind < 0.92:
            when["principal.groups"] = random.choice(
                [{"contains": "eng"}, {"any": ["ops", "staff"]}, {"not": {"contains": "ops"}}]
            )
        else:
            key = random.choice(["taint_none", "taint_any"])
            when[key] = random.sample(["web", "web.*", "**", "private.mail", "private.**"], 2)
    return when


def _scope(random: Random, *, beyond: bool) -> Data:
    scope: Data = {}
    for key, options, chance in (
        ("principals", _PRINCIPALS, 0.4),
        ("tools", ["sql.query", "git.*", "mail.send", "**", "*.push", "sys.status", "odd.x"], 0.4),
        ("classes", ["read", "net", "write", "exec"], 0.2),
        ("access", ["read", "write"], 0.15),
        ("resources", _RESOURCES, 0.45),
    ):
        if random.random() < chance:
            scope[key] = random.sample(options, random.choice([1, 2, 2]))
    if beyond and random.random() < 0.15:
        scope["resources"] = [
            *scope.get("resources", []),
            "tag:*.email",
            "path:**/lib/b*",
            "table:**shop.*",
        ]
    if beyond and random.random() < 0.1:
        scope["principals"] = ["group:o*"]
    return {**scope, "when": _when(random, beyond=beyond)}


def _rule(random: Random, number: int, *, beyond: bool) -> Data:
    rule: Data = {"id": f"r{number}", "effect": random.choice(["allow"] * 6 + ["ask", "deny"])}
    rule |= _scope(random, beyond=beyond)
    if rule["effect"] != "allow" and random.random() < 0.6:
        rule.setdefault("resources", [random.choice(_RESOURCES)])
    if rule["effect"] == "allow" and random.random() < 0.1:
        rule["otherwise"] = random.choice(["ask", "deny"])
    if rule["effect"] != "deny" and random.random() < 0.15:
        rule["obligations"] = random.choice(
            [{"limit_rows": 5}, {"redact": ["pii"]}, {"min_group": 3}]
        )
    if random.random() < 0.1:
        rule["expires"] = random.choice(["2026-11-19", "2026-11-20", "2026-11-21"])
    if random.random() < 0.05:
        rule["mode"] = "shadow"
    if random.random() < 0.05:
        rule["phase"] = random.choice([["result"], ["call", "result"]])
    return rule


def layers(random: Random, *, beyond: bool = False) -> list[Data]:
    """An org's file and up to two below it, as plain data; ``beyond``: with what Cedar can not say exactly."""
    org: Data = {
        "name": "acme",
        "default": random.choice(["deny", "deny", "ask", {"read": "ask"}]),
        "groups": {
            "ops": ["user:cy", "ci:acme/*"],
            "eng": ["group:staff", "user:ana"],
            "all": ["group:eng"],
        },
        "lists": {"known": ["a@x.example", "none", "dev/a"]},
        "delegate": [
            {
                "to": random.sample(["team", "local"], random.choice([1, 2])),
                "effect": random.choice(["allow", "allow", "ask", "deny"]),
                **_scope(random, beyond=beyond),
            }
            for _ in range(random.choice([0, 1, 2]))
        ],
    }
    lower = [
        {"name": "low", "layer": random.choice(["team", "local"]), "lists": org["lists"]}
        for _ in range(random.choice([0, 1, 2]))
    ]
    # Of a key of the context Cedar must know the type; it is taken from what it is compared with.
    types: Data = {"context.env": "dev", "context.level": 1}
    org["delegate"].append(
        {"to": ["team"], "effect": "deny", "tools": ["odd.types"], "when": types}
    )
    for file in (org, *lower):
        file["rule"] = [_rule(random, n, beyond=beyond) for n in range(random.randrange(1, 7))]
    return [org, *lower]


def _some(random: Random, options: list[str], most: int) -> list[str]:
    return random.sample(options, random.randrange(most + 1))


def _arguments(random: Random, tool: ToolSpec) -> Data:
    values: Data = {
        "sql": random.choice(_WORDS),
        "limit": random.choice([1, 5, 7, 100, 1000, 5.0]),
        "ref": random.choice(_WORDS),
        "force": random.choice(["none", "force"]),
        "tags": random.choice([True, False]),
        "to": [random.choice(_WORDS) for _ in range(random.randrange(3))],
        "cc": random.choice([None, [], ["b@x.example", "b@x.example"]]),
        "from": random.choice(_WORDS),
        "priority": random.choice(["high", "low"]),
        "sizes": random.choice([[], [1, 2]]),
        "options": random.choice([{}, {"retries": 5}, {"note": "dev/a", "retries": None}]),
    }
    required: list[str] = tool.input_schema["required"]
    properties: Data = tool.input_schema["properties"]
    return {name: values[name] for name in properties if name in required or random.random() < 0.6}


def call(random: Random) -> Data:
    """A call that fits its tool's schema, as JSON data."""
    tool = random.choice(TOOLS)
    principal: Data = {
        "user": random.choice(["ana", "cy", "bo", None]),
        "groups": _some(random, ["eng", "staff", "odd"], 2),
        "agent": random.choice(["main", None]),
        "ci": random.choice(["acme/etl", "other/x", None, None]),
        "on_behalf_of": random.choice(["dee", None, None]),
    }
    context: Data = {
        "mode": random.choice(["chat", "run", "none"]),
        "taint": _some(random, ["web", "web.page", "private.mail", "private.mail.x"], 2),
    }
    if random.random() < 0.95:
        context["today"] = TODAY
    if random.random() < 0.5:
        context["env"] = random.choice(_WORDS)
    if random.random() < 0.5:
        context["level"] = random.choice([1, 7, 200])
    facts: Data = {}
    if random.random() < 0.5:
        facts["args.body.@hosts"] = _some(random, _WORDS, 2)
    if random.random() < 0.5:
        facts["args.**.@emails"] = _some(random, _WORDS, 2)
    resources = [
        {
            "id": one,
            "access": random.choice(["read", "write"]),
            "tags": _some(random, ["pii.email", "pii.id.ssn", "pii", "public"], 2),
        }
        for one in random.sample(_IDS, random.choice([0, 1, 1, 1, 2]))
    ]
    data: Data = {
        "principal": principal,
        "extension": tool.extension,
        "tool": tool.name,
        "class": tool.tool_class,
        "args": _arguments(random, tool),
        "facts": facts,
        "resources": resources,
        "context": context,
    }
    if random.random() < 0.5:
        data["can"] = random.choice([["limit_rows"], ["limit_rows", "min_group"], []])
    return data
