"""Random policies and requests: small alphabets, so that rules and requests meet often."""

import json
from typing import Any

from hypothesis import strategies as st

from devagent.policy import CompiledPolicy, compile_policy, parse
from tests.support.policy_reference import is_list, is_table

Data = dict[str, Any]
TODAY = "2026-11-20"

EFFECTS = st.sampled_from(["allow", "allow", "ask", "deny"])
CLASSES = st.sampled_from(["read", "write", "exec", "net", "secret"])
TOOLS = st.sampled_from(["git.push", "git.status", "sql.query", "odd.x"])
TOOL_GLOBS = st.sampled_from(["git.*", "git.push", "*.query", "**", "sql.**", "o*.x", "sql.query"])
PRINCIPALS = st.sampled_from(["user:ana", "user:*", "group:eng", "group:o*", "agent:main", "ci:acme/*", "for:dee", "*"])  # fmt: skip
IDS = st.sampled_from([
    "path:src/a.py", "path:src/lib/b.py", "path:", "table:dev.shop.orders", "table:prod.shop.orders",
    "column:prod.shop.customers.email", "branch:origin/main", "host:api.bank.example", "command:git status -s",
    "command:git", "ticket:PAY/1", "odd-kind:x", "tag:pii.email", "",
])  # fmt: skip
RESOURCE_GLOBS = st.sampled_from([
    "path:src/*", "path:src/**", "path:**.py", "path:**/b.*", "table:dev.**", "table:*.shop.orders", "table:**",
    "column:prod.**.email", "branch:origin/main", "branch:*/main", "host:*.bank.example", "command:git *",
    "command:git **", "ticket:**", "tag:pii.*", "tag:**",
])  # fmt: skip
TAGS = st.lists(st.sampled_from(["pii.email", "pii.id.ssn", "public"]), max_size=2)
ORIGINS = st.lists(st.sampled_from(["prompt", "result:web.get", "result:tickets.a"]), max_size=2)
TEXTS = st.sampled_from(["a@x.example", "b@acme.example", "Evil", "src/a.py", "", "7"])
SCALARS = st.one_of(TEXTS, st.booleans(), st.sampled_from([0, 1, 7, 100, 1.0, 10.5]))
WORDS = st.lists(st.sampled_from(["evil", "ACME", "src", "a@x.example"]), max_size=2)

KEYS = st.sampled_from([
    "args.to", "args.n", "args.to|args.cc", "args.files.id", "args.files", "args.**", "args.body.@hosts",
    "args.**.@emails", "args.body.@hosts|args.to", "context.env", "context.list", "mode", "principal.user",
    "principal.groups", "principal.ci", "args.deep.a.b", "context.list|args.to",
])  # fmt: skip


def _operators(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Data]:
    one = st.one_of(
        st.fixed_dictionaries({"eq": SCALARS}),
        st.fixed_dictionaries({"in": st.one_of(st.lists(SCALARS, max_size=3), st.just("@known"))}),
        st.fixed_dictionaries({"not_in": st.lists(SCALARS, max_size=3)}),
        st.fixed_dictionaries({"min": st.sampled_from([1, 7.0, 50])}),
        st.fixed_dictionaries({"max": st.sampled_from([1, 7.0, 50])}),
        st.fixed_dictionaries({"prefix": st.sampled_from(["a", "src/", "E"])}),
        st.fixed_dictionaries({"suffix": st.sampled_from(["@acme.example", ".py", "1"])}),
        st.fixed_dictionaries({"glob": st.sampled_from(["src/*", "**@*.example", "*"])}),
        st.fixed_dictionaries({"not_glob": st.sampled_from(["src/*", "a**"])}),
        st.fixed_dictionaries({"mentions": st.one_of(WORDS, st.just("@known"))}),
        st.fixed_dictionaries({"contains": SCALARS}),
        st.fixed_dictionaries({"len_min": st.integers(0, 3)}),
        st.fixed_dictionaries({"len_max": st.integers(0, 3)}),
        st.fixed_dictionaries(
            {
                "origin_in": st.lists(
                    st.sampled_from(["prompt", "result:*.get", "result:**"]), max_size=2
                )
            }
        ),
        st.fixed_dictionaries({"absent": st.booleans()}),
        st.fixed_dictionaries({"any": inner}),
        st.fixed_dictionaries({"not": inner}),
        st.fixed_dictionaries({"either": st.lists(inner, max_size=2)}),
    )
    return st.lists(one, min_size=1, max_size=2).map(
        lambda many: {k: v for d in many for k, v in d.items()}
    )


SPECS = st.recursive(
    st.one_of(SCALARS, st.lists(SCALARS, max_size=2), st.just("@known")), _operators, max_leaves=4
)
WHENS = st.dictionaries(KEYS, SPECS, max_size=2).flatmap(
    lambda when: st.one_of(
        st.just(when),
        st.fixed_dictionaries(
            {"taint_none": st.lists(st.sampled_from(["web", "web.*", "**"]), max_size=2)}
        ).map(lambda taint: {**when, **taint}),
        st.just({**when, "taint_any": ["private.*", "web"]}),
    )
)
OBLIGATIONS = st.fixed_dictionaries(
    {},
    optional={
        "limit_rows": st.sampled_from([10, 500]),
        "max_cost_usd": st.sampled_from([0.5, 2]),
        "min_group": st.sampled_from([3, 5]),
        "mask": st.dictionaries(
            st.sampled_from(["tag:pii.*", "column:prod.**"]),
            st.sampled_from(["range", "partial", "tokenise", "hash", "null"]),
        ),
        "filter": st.dictionaries(
            st.just("table:prod.shop.orders"), st.sampled_from(["region = 'eu'", "amount < 5"])
        ),
        "redact": st.lists(st.sampled_from(["secrets", "pii", "keys"]), max_size=2, unique=True),
        "require_reason": st.booleans(),
        "two_person": st.booleans(),
    },
)
SCOPE: dict[str, st.SearchStrategy[Any]] = {
    "principals": st.lists(PRINCIPALS, max_size=2),
    "tools": st.lists(TOOL_GLOBS, max_size=2),
    "classes": st.lists(CLASSES, max_size=3),
    "access": st.lists(st.sampled_from(["read", "write"]), max_size=2),
    "resources": st.lists(RESOURCE_GLOBS, max_size=3),
    "when": WHENS,
}


@st.composite
def rules(draw: st.DrawFn, number: int = 0) -> Data:
    """One rule that the parser accepts."""
    rule: Data = draw(st.fixed_dictionaries({"effect": EFFECTS}, optional=SCOPE))
    rule["id"] = f"r{number}"
    if rule["effect"] != "deny" and draw(st.booleans()):
        rule["obligations"] = draw(OBLIGATIONS)
    if rule["effect"] == "allow" and draw(st.booleans()):
        rule["otherwise"] = draw(st.sampled_from(["ask", "deny"]))
    rare = draw(st.integers(0, 9))
    if rare == 0:
        rule["mode"] = draw(st.sampled_from(["shadow", "enforce"]))
    elif rare == 1:
        rule["expires"] = draw(st.sampled_from(["2026-11-19", "2026-11-20", "2026-11-21"]))
    elif rare == 2:
        rule["phase"] = draw(st.sampled_from([["result"], ["call", "result"], []]))
    return rule


@st.composite
def files(draw: st.DrawFn, *, org: bool, most: int = 5) -> Data:
    """One policy file as plain data."""
    file: Data = {"version": 1, "name": draw(st.sampled_from(["a", "b"]))}
    file["layer"] = "org" if org else draw(st.sampled_from(["team", "project", "local"]))
    if draw(st.integers(0, 14)) == 0:
        file["mode"] = "shadow"
    file["lists"] = {"known": ["a@x.example", "Evil"]}
    if org:
        file["default"] = draw(
            st.one_of(
                st.sampled_from(["deny", "deny", "ask"]),
                st.dictionaries(CLASSES, st.sampled_from(["ask", "deny"]), max_size=3),
            )
        )
        file["groups"] = {"ops": ["user:cy", "ci:acme/*"], "eng": ["group:staff"]}
        envelope = st.fixed_dictionaries(
            {
                "to": st.lists(
                    st.sampled_from(["team", "project", "local"]), min_size=1, max_size=2
                ),
                "effect": st.sampled_from(["allow", "allow", "ask"]),
            },
            optional=SCOPE,
        )
        file["delegate"] = draw(st.lists(envelope, max_size=2))
    file["rule"] = [draw(rules(n)) for n in range(draw(st.integers(0, most)))]
    return file


def policies(most: int = 5) -> st.SearchStrategy[list[Data]]:
    """An org's file and up to two below it."""
    return st.tuples(
        files(org=True, most=most), st.lists(files(org=False, most=most), max_size=2)
    ).map(lambda both: [both[0], *both[1]])


VALUES = st.recursive(st.one_of(SCALARS, st.none()), lambda inner: st.lists(inner, max_size=3), max_leaves=5)  # fmt: skip
RESOURCES = st.one_of(
    IDS,
    st.fixed_dictionaries(
        {"id": IDS}, optional={"access": st.sampled_from(["read", "write"]), "tags": TAGS}
    ),
)


@st.composite
def requests(draw: st.DrawFn) -> Data:
    """A request as JSON data, with its day."""
    extension, tool = draw(TOOLS).split(".")
    optional: dict[str, st.SearchStrategy[Any]] = {
        "to": VALUES,
        "cc": VALUES,
        "n": SCALARS,
        "files": st.one_of(
            st.lists(st.fixed_dictionaries({}, optional={"id": VALUES, "a/b": TEXTS}), max_size=3),
            st.fixed_dictionaries({"id": VALUES}),
        ),
        "deep": st.fixed_dictionaries(
            {"a": st.one_of(VALUES, st.fixed_dictionaries({"b": VALUES}))}
        ),
    }
    fact = st.lists(st.sampled_from(["evil", "a@x.example", "x.example"]), max_size=2)
    pointers = ["/to", "/to/0", "/to/0/0", "/to/1", "/cc", "/files/0/id", "/files/0/id/0", "/files/0", "/n", "/body/@hosts/0"]  # fmt: skip
    context: Data = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "mode": st.sampled_from(["chat", "run", "Evil"]),
                "env": VALUES,
                "list": VALUES,
                "taint": st.lists(st.sampled_from(["web", "web.page", "private.mail"]), max_size=2),
                "origins": st.dictionaries(st.sampled_from(pointers), ORIGINS, max_size=4),
            },
        )
    )
    context["today"] = TODAY
    data: Data = draw(
        st.fixed_dictionaries(
            {"resources": st.lists(RESOURCES, max_size=3)},
            optional={
                "class": CLASSES,
                "phase": st.sampled_from(["call", "call", "result"]),
                "facts": st.dictionaries(
                    st.sampled_from(["args.body.@hosts", "args.**.@emails"]), fact
                ),
                "can": st.lists(st.sampled_from(["limit_rows", "mask", "filter", "min_group"])),
            },
        )
    )
    principal: Data = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "user": st.sampled_from(["ana", "cy"]),
                "groups": st.lists(st.sampled_from(["eng", "staff"]), max_size=2),
                "agent": st.just("main"),
                "ci": st.sampled_from(["acme/etl", None]),
                "on_behalf_of": st.just("dee"),
            },
        )
    )
    args: Data = draw(st.fixed_dictionaries({}, optional=optional))
    return {
        **data,
        "principal": principal,
        "extension": extension,
        "tool": tool,
        "args": args,
        "context": context,
    }


def toml(value: Any) -> str:
    """A value in TOML's inline form."""
    if is_table(value):
        return "{" + ", ".join(f"{json.dumps(k)} = {toml(v)}" for k, v in value.items()) + "}"
    if is_list(value):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value) if isinstance(value, str) else repr(value)


def text_of(file: Data) -> str:
    """A policy file's text; ``expires`` is written as a date."""
    lines = [
        f"{key} = {toml(value)}" for key, value in file.items() if key not in ("rule", "delegate")
    ]
    for table in ("delegate", "rule"):
        for entry in file.get(table, []):
            lines.append(f"[[{table}]]")
            lines += [f"{k} = {v if k == 'expires' else toml(v)}" for k, v in entry.items()]
    return "\n".join(lines) + "\n"


def compiled(layers: list[Data]) -> CompiledPolicy:
    """The layers as the engine has them, through their text."""
    return compile_policy(
        [parse(text_of(file), f"{n}.toml", org=n == 0) for n, file in enumerate(layers)]
    )
