"""Words that mean another machine: a container's or a host's, so that no file of this one is meant by them.

Only what is read exactly is left out; where an option is not known, all words count as words of this machine.
"""

import re
from collections.abc import Sequence

from devagent_workspace.shown import names
from devagent_workspace.words import Field

_CONTAINERS = frozenset(["docker", "podman", "nerdctl"])
_STARTS = frozenset(["run", "create", "exec"])
_FLAGS = names("""
-d --detach -i --interactive -t --tty -it -ti -dit -itd -T --rm --init --read-only -P --publish-all -q --quiet --no-healthcheck
--no-deps --service-ports --use-aliases --remove-orphans --no-TTY --build
""")
_VALUED = names("""
-e --env -p --publish -w --workdir -u --user --name --network --net --network-alias -h --hostname --platform --pull -l --label
--entrypoint -m --memory --memory-swap --cpus --cpu-shares --restart --add-host --dns --expose --shm-size --ulimit --tmpfs --gpus
--stop-signal --stop-timeout --log-driver --health-cmd --health-interval --health-retries --health-timeout --cap-drop --group-add
--index --sysctl --pids-limit
""")
"""Options whose value names no file here, and opens nothing of this machine to the container."""
_PLACES = names("-v --volume --mount --env-file --label-file --cidfile")
_BEFORE = names("-f --file -p --project-name --profile --env-file --project-directory")
_REMOTE = re.compile(r"(?:[\w.-]+@)?[\w.-]+::?[^:]*\Z")
_SSH_VALUED = re.compile(r"-[46AaCfGgKkMNnqsTtVvXxYy]*[BbcDEeFIiJLlmOopQRSWw]")


def words_here(name: str, words: Sequence[Field]) -> Sequence[Field]:
    """The words of a command that may name files of this machine, or options of the program itself."""
    if name in _CONTAINERS:
        return _container(words)
    if name in ("scp", "rsync"):
        return [field for field in words if not (field.text and _REMOTE.match(field.text))]
    if name == "ssh":
        return _before_host(words)
    return words


def _container(words: Sequence[Field]) -> Sequence[Field]:
    """``run``, ``create`` and ``exec``: what follows the image or the container's name is run in there."""
    texts = [field.text for field in words]
    at = 1 if texts[:1] == ["container"] else 0
    kept: list[Field] = []
    if texts[:1] == ["compose"]:
        at = 1
        while at + 1 < len(words) and texts[at] in _BEFORE:
            kept += words[at : at + 2]
            at += 2
    if at >= len(words) or texts[at] not in _STARTS:
        return words
    at += 1
    while at < len(words):
        option = texts[at]
        if option is None:
            return words
        if not option.startswith("-") or option == "-":
            return kept
        name, has_value, value = option.partition("=")
        if option in _FLAGS:
            at += 1
            continue
        if has_value and name.startswith("--"):
            field = words[at]._replace(text=value, start=value)
        elif at + 1 < len(words):
            field = words[at + 1]
            at += 1
        else:
            return words
        if name in _PLACES:
            kept += _on_this_side(name, field)
        elif name not in _VALUED:
            return words
        at += 1
    return kept


def _on_this_side(option: str, field: Field) -> list[Field]:
    """The place here that is given to a container: ``./src`` of ``./src:/app``, ``source=`` of a mount."""
    if field.text is None:
        return [field]
    if option in ("-v", "--volume"):
        place = field.text.partition(":")[0]
        # without a slash it is the name of a volume
        return [Field(place, field.name)] if "/" in place or place in (".", "..", "~") else []
    if option == "--mount":
        parts = (part.partition("=") for part in field.text.split(","))
        return [Field(value, field.name) for key, _, value in parts if key in ("source", "src")]
    return [field]


def _before_host(words: Sequence[Field]) -> Sequence[Field]:
    at = 0
    while at < len(words):
        word = words[at].text
        if word is None:
            return words
        if not word.startswith("-"):
            return words[: at + 1]
        valued = _SSH_VALUED.match(word)
        at += 2 if valued is not None and valued.end() == len(word) else 1
    return words
