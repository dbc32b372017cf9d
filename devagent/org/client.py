"""One machine's enrolment: what it keeps outside the cache, looking at what is in force, and bringing in what is new."""

import os
import time
from collections.abc import Callable, Collection
from typing import Literal

from msgspec import Struct, ValidationError, convert

from devagent.core.codec import canonical, parse
from devagent.core.errors import ConfigError
from devagent.disk import replace_file
from devagent.org import marks as marking
from devagent.org.fetching import Absent, Fetched, Source
from devagent.org.in_force import InForce, Machine, in_force
from devagent.org.marks import Marks
from devagent.org.pin import Pin
from devagent.org.refusals import Code, Refused
from devagent.org.state import Read, State

Outcome = Literal["updated", "renewed", "unchanged", "refused"]
TAG = "timestamp.tag"
MOST_TIMESTAMP = 16_384


class Keeper(Struct, frozen=True):
    """A second place for the marks, beside the file: the keyring. Both functions may raise ConfigError."""

    read: Callable[[], str]
    write: Callable[[str], None]


class Synced(Struct, frozen=True):
    """How a look at the server ended. ``before`` and ``after`` are revisions, 0 where none was or is in force;
    ``unkept`` says why the marks could not be put into the keyring as well."""

    outcome: Outcome
    before: int
    after: int
    code: Code | Literal[""] = ""
    reason: str = ""
    hint: str = ""
    unkept: str = ""
    in_force: InForce | None = None


class Client:
    """``data``: the folder that marks are kept in, outside the cache. ``seen``: marks that the record has."""

    def __init__(
        self,
        pin: Pin,
        *,
        cache: str,
        data: str,
        read: Read,
        machine: Machine,
        seen: Collection[Marks] = (),
        keeper: Keeper | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.pin = pin
        self.state = State(cache, pin, read)
        self.machine = machine
        self._marks_file = os.path.join(data, marking.FILE)
        self._read = read
        self._seen = tuple(seen)
        self._keeper = keeper
        self._clock = clock
        self._unkept = ""

    @property
    def name(self) -> str:
        """What the marks of this enrolment are kept under."""
        return f"{self.pin.org}-{self.pin.root_sha256[:16]}-{self.pin.environment}"

    def in_force(self) -> InForce:
        """What governs this machine, verified. Raises Refused."""
        return in_force(
            self.pin, self.state, self.machine, now=self._clock(), marks=[self._kept(), *self._seen]
        )

    def look(self) -> InForce | Refused:
        try:
            return self.in_force()
        except Refused as refused:
            return refused

    def is_news(self, source: Source) -> bool:
        """Whether the server's timestamp is another than the one in force: one small request. Raises Refused."""
        return self._news(source) is not None

    def sync(self, source: Source) -> Synced:
        """Bring in what is new. A refusal is a value: what was in force stays, and is said."""
        self._unkept = ""
        before = self.look()
        revision = before.manifest.revision if isinstance(before, InForce) else 0
        try:
            with self.state.locked():
                if isinstance(before, InForce) and not before.standing.why:
                    news = self._news(source)
                    if news is None:
                        return Synced("unchanged", revision, revision, in_force=before)
                # 0.2 s, and only where something is new.
                from devagent.org.refresh import refresh  # noqa: PLC0415

                after = refresh(
                    self.pin,
                    self.state,
                    source,
                    self.machine,
                    now=self._clock(),
                    marks=[self._kept(), *self._of_keeper(), *self._seen],
                    keep=self._keep,
                )
                self._tag(source)
        except (
            OSError
        ) as e:  # a full disk, mostly; what was in force is there whole, or the machine is locked
            return self._refused(before, revision, Refused("unkept", str(e.strerror or e)))
        except Refused as refused:
            return self._refused(before, revision, refused)
        same = isinstance(before, InForce) and before.digest == after.digest
        outcome: Outcome = "renewed" if same else "updated"
        return Synced(
            outcome, revision, after.manifest.revision, unkept=self._unkept, in_force=after
        )

    def _refused(self, before: InForce | Refused, revision: int, refused: Refused) -> Synced:
        # What is revoked is in force no more, and a disk may fill at any step; whatever else is refused leaves what was there.
        after = self.look() if refused.code in ("revoked", "unkept") else before
        return Synced(
            "refused",
            revision,
            after.manifest.revision if isinstance(after, InForce) else 0,
            refused.code,
            refused.what,
            refused.hint,
            in_force=after if isinstance(after, InForce) else None,
        )

    def _news(self, source: Source) -> Fetched | None:
        """The server's timestamp, where it is another than the one in force."""
        mine = self.state.generation(self.state.current()).get("timestamp.json", b"")
        try:
            tag = self.state.read(TAG).decode("latin-1")
        except Refused:
            tag = ""
        try:
            fetched = source.fetch("metadata/timestamp.json", MOST_TIMESTAMP, tag)
        except Absent as e:
            raise Refused("missing", "timestamp.json") from e
        return None if fetched.unchanged or fetched.data == mine else fetched

    def _tag(self, source: Source) -> None:
        """Note what the server calls the timestamp in force, for the next look."""
        mine = self.state.generation(self.state.current()).get("timestamp.json", b"")
        try:
            fetched = source.fetch("metadata/timestamp.json", MOST_TIMESTAMP)
        except (Absent, Refused):
            return
        if fetched.data == mine and fetched.tag.isprintable():
            replace_file(
                os.path.join(self.state.folder, TAG), fetched.tag.encode("latin-1", "replace")
            )

    def _file(self) -> dict[str, Marks]:
        try:
            value = parse(self._read(self._marks_file))
            return convert(value, dict[str, Marks])
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except ConfigError as e:
            raise Refused("owner", e.what) from e
        except (ValueError, ValidationError) as e:
            raise Refused("pin", f"{self._marks_file}: {e}") from e

    def _kept(self) -> Marks:
        return self._file().get(self.name, Marks())

    def _of_keeper(self) -> list[Marks]:
        """What the keyring remembers; where there is none, or none answers, that is said and is no refusal."""
        if self._keeper is None:
            return []
        try:
            text = self._keeper.read()
        except ConfigError as e:
            self._unkept = e.what
            return []
        return [marking.read(text)] if text else []

    def _keep(self, marks: Marks) -> None:
        """Write the marks down in every place. Raises Refused where not even the file takes them."""
        every = self._file() | {self.name: marks}
        try:
            os.makedirs(os.path.dirname(self._marks_file), mode=0o700, exist_ok=True)
            replace_file(self._marks_file, canonical(every) + b"\n")
        except OSError as e:
            raise Refused("unkept", f"{self._marks_file} ({e.strerror})") from e
        if self._keeper is not None:
            try:
                self._keeper.write(marking.written(marks).decode())
            except ConfigError as e:
                self._unkept = e.what
