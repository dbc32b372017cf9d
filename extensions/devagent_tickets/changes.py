"""What a write tool is asked to do: as facts that policy may look at, and as a person is shown it before it is sent.

The facts are tags of the ticket's resource: ``ticket.set.status.done``, ``ticket.set.assignee.ana``,
``ticket.add.label.security``, ``ticket.set.body``, ``ticket.add.comment`` … Nothing is read for them from the network.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from devagent_tickets.contract import TicketsError
from devagent_tickets.keys import word
from devagent_tickets.model import LINK_KINDS, Changes, Draft
from devagent_tickets.settings import Tracker

WRITES = ("comment", "create", "update", "transition", "assign", "link")
_MOST_LABELS = 50


_MEANT = {
    "github": {"completed": "closed", "done": "closed", "reopened": "open"},
    "gitlab": {"done": "closed", "open": "opened", "reopened": "opened"},
}
"""Other words that a tracker takes for a status: policy is told the status, too."""
_USUAL = {"jira": "Task", "jira-dc": "Task", "azure": "Task"}
"""What is created where no type is named."""


def tags_of(tool: str, args: Mapping[str, Any], tracker: Tracker) -> list[str]:
    """The facts of a change. Raises TicketsError bad_arguments."""
    match tool:
        case "comment":
            return ["ticket.add.comment"]
        case "create":
            draft = draft_of(args)
            tags = ["ticket.create", f"ticket.create.{word(draft.type)}"]
            if not draft.type and tracker.type in _USUAL:
                tags.append(f"ticket.create.{word(_USUAL[tracker.type])}")
            tags += [f"ticket.add.label.{word(label)}" for label in draft.labels]
            return tags + [f"ticket.set.custom.{word(name)}" for name in draft.custom]
        case "update":
            changes = changes_of(args)
            tags = [
                f"ticket.set.{name}"
                for name in ("title", "body", "priority")
                if getattr(changes, name) is not None
            ]
            tags += [f"ticket.add.label.{word(label)}" for label in changes.add_labels]
            tags += [f"ticket.remove.label.{word(label)}" for label in changes.remove_labels]
            return tags + [f"ticket.set.custom.{word(name)}" for name in changes.custom]
        case "transition":
            named = needed(args, "status").strip().lower()
            meant = _MEANT.get(tracker.type, {}).get(named, named)
            return [f"ticket.set.status.{word(one)}" for one in dict.fromkeys((named, meant))]
        case "assign":
            return assignee_tags(text_of(args, "assignee"))
        case "link":
            return [f"ticket.add.link.{word(kind_of(args))}"]
        case _:
            return []


def assignee_tags(*names: str) -> list[str]:
    """The facts of an assignment, by all that the assignee is called."""
    return [f"ticket.set.assignee.{one}" for one in dict.fromkeys(map(word, names))]


def outgoing(tool: str, args: Mapping[str, Any]) -> dict[str, Any]:
    """The values that would be sent, by their argument's name."""
    names = {
        "comment": ("body",), "create": ("title", "body", "type", "labels", "custom"),
        "update": ("title", "body", "priority", "add_labels", "custom"), "transition": ("status",),
        "link": ("to",),
    }  # fmt: skip
    return {name: args[name] for name in names.get(tool, ()) if args.get(name)}


def draft_of(args: Mapping[str, Any]) -> Draft:
    return Draft(
        title=" ".join(needed(args, "title").split()),
        body=text_of(args, "body"),
        type=text_of(args, "type"),
        labels=texts_of(args, "labels"),
        custom=table_of(args, "custom"),
    )


def changes_of(args: Mapping[str, Any]) -> Changes:
    changes = Changes(
        title=" ".join(text_of(args, "title").split()) or None,
        body=text_of(args, "body") or None,
        priority=text_of(args, "priority") or None,
        add_labels=texts_of(args, "add_labels"),
        remove_labels=texts_of(args, "remove_labels"),
        custom=table_of(args, "custom"),
    )
    if changes == Changes():
        raise _bad(
            "there is nothing to change: name a title, a body, a priority, labels or custom fields"
        )
    if set(changes.add_labels) & set(changes.remove_labels):
        raise _bad("a label is added and removed at once")
    return changes


def kind_of(args: Mapping[str, Any]) -> str:
    kind, to = text_of(args, "kind") or "relates", needed(args, "to")
    is_url = to.startswith(("https://", "http://"))
    if is_url and kind in ("relates", "url"):
        return "url"
    if is_url or kind == "url" or kind not in LINK_KINDS:
        raise _bad(f"kind is one of {', '.join(LINK_KINDS)}; an address goes with url")
    return kind


def needed(args: Mapping[str, Any], name: str) -> str:
    """A text that must be there."""
    value = text_of(args, name)
    if not value.strip():
        raise _bad(f"{name} is empty")
    return value


def text_of(args: Mapping[str, Any], name: str) -> str:
    value = args.get(name, "")
    if not isinstance(value, str):
        raise _bad(f"{name} must be a text")
    return value


def texts_of(args: Mapping[str, Any], name: str) -> tuple[str, ...]:
    values = args.get(name, ())
    if not isinstance(values, Sequence) or isinstance(values, str):
        raise _bad(f"{name} must be a list of texts")
    texts = cast("Sequence[object]", values)
    if len(texts) > _MOST_LABELS or not all(isinstance(one, str) and one.strip() for one in texts):
        raise _bad(f"{name} must be a list of at most {_MOST_LABELS} texts")
    return tuple(dict.fromkeys(str(one).strip() for one in texts))


def table_of(args: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = args.get(name, {})
    if not isinstance(value, Mapping):
        raise _bad(f"{name} must be a table")
    return {str(k): v for k, v in cast("Mapping[object, Any]", value).items()}


def _bad(text: str) -> TicketsError:
    return TicketsError(f"{text}.", error="bad_arguments")
