"""How the record is kept: what policy's ``[log]`` asks for beside redaction."""

from msgspec import Struct


class Witness(Struct, frozen=True):
    """Where checkpoints are sent. ``key`` is the verifier key of the witness's cosignatures; writes are denied
    once a checkpoint has waited for ``deny_writes_after_s`` seconds (None: never)."""

    url: str
    key: str = ""
    deny_writes_after_s: int | None = None
    policy: str = ""


class Keeping(Struct, frozen=True):
    """``seal`` says that content is sealed, for ``reviewers`` (age recipients) and the person's own key.

    Content is erased after ``keep_content_days``, whole sessions are removed after ``keep_days`` (None: never);
    ``policy`` names the file that says so. ``hold`` names a file that holds everything back from that, or "".
    """

    seal: bool = False
    reviewers: tuple[str, ...] = ()
    keep_content_days: int | None = None
    keep_days: int | None = None
    policy: str = ""
    hold: str = ""
