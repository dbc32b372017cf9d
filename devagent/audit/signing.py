"""When and how a log's writer signs it: a checkpoint after what must not be lost, one at the end.

A checkpoint is due with the event after the model's first answer (signing is loaded while one waits for
that; what follows an answer comes at once, and is often to be on disk itself), after 64 events or 30 seconds, before each call that writes, runs or reaches out, and when the session ends.
"""

from devagent.audit.checkpoints import note_text, signed_note
from devagent.audit.device import Device
from devagent.audit.merkle import Tree
from devagent.core.errors import LogError
from devagent.core.events import Event
from devagent.core.events.calls import ToolStarted
from devagent.core.events.model import ModelReplied
from devagent.core.events.session import SessionEnded

EVERY_EVENTS = 64
EVERY_NS = 30_000_000_000


class Signing:
    """The tree over one log's lines, and the device that signs its heads."""

    def __init__(self, device: Device, sid: str, tree: Tree, *, signed: int = 0) -> None:
        self._device = device
        self._sid = sid
        self._tree = tree
        self._signed = signed
        self._signed_at = 0
        self._answered = False

    @property
    def vkey(self) -> str:
        return self._device.vkey

    @property
    def signed(self) -> int:
        """How many lines the last checkpoint is over."""
        return self._signed

    def push(self, leaf: str) -> None:
        """Take one more line in, by its leaf hash (hex)."""
        self._tree.push(bytes.fromhex(leaf))

    def is_due(self, event: Event, now_ns: int) -> bool:
        """Whether a checkpoint belongs after this event, which was just pushed. Until there is one, the answer for
        an event after the model's first reply stays yes."""
        answered = self._answered
        self._answered = answered or isinstance(event, ModelReplied)
        match event:
            case SessionEnded():
                return True
            case ToolStarted(tool_class=tool_class) if tool_class != "read":
                return True
            case _ if answered and not self._signed:
                return True
            case _:
                new = self._tree.size - self._signed
                # Before the first answer nothing is signed by the clock: it would delay the first request.
                late = self._signed and now_ns - self._signed_at >= EVERY_NS
                return new >= EVERY_EVENTS or bool(late)

    def load(self) -> str:
        """Load what signs, while there is time for it; the signer's id, or empty: a failure is told by the first note."""
        try:
            return self._device.id
        except LogError:
            return ""

    def note(self, now_ns: int) -> bytes:
        """The signed note over all lines so far. Raises LogError where nothing can be signed."""
        text = note_text(
            f"devagent/local/{self._device.id}/{self._sid}", self._tree.size, self._tree.root()
        )
        self._signed, self._signed_at = self._tree.size, now_ns
        return signed_note(text, self._device.vkey, self._device.sign(text.encode()))

    def end(self) -> None:
        """Tell the device how far this session is signed. Raises LogError."""
        if self._signed == self._tree.size and self._signed:
            self._device.end(self._sid, self._tree.size, self._tree.root())
