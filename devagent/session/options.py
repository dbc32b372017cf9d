"""What one session is opened with."""

from collections.abc import Callable

from msgspec import Struct

from devagent.core.limits import Limits
from devagent.core.ports import Approver, Elicitor, RootsGiver, Sampler
from devagent.core.principal import Principal
from devagent.settings.config import Config


class Options(Struct, frozen=True, kw_only=True):
    """What one session is opened with.

    ``elicitor`` is whoever fills in what servers ask of the person (None: nobody is there). ``sampler`` and ``roots``:
    an MCP client that is served may answer for its own model and folders.
    ``policies`` are further, narrowing policy files. ``extensions`` limits the session to these (empty =
    all that are configured). ``approvals`` are signed files of approvals; with ``dry_run`` every call is judged
    and none carried out. ``org_policy`` and ``local_policy`` put other files in those places: for
    the demo's sample company, never from a flag or the environment. ``guidance`` is what the model is told besides:
    the folder's instructions, once they are trusted.
    """

    folder: str
    mode: str
    approver: Approver
    elicitor: Elicitor | None = None
    sampler: Sampler | None = None
    roots: RootsGiver | None = None
    model: str = ""
    interactive: bool = False
    agent: str = "main"
    principal: Principal | None = None
    """Who acts, where an access token of the organisation's issuer has proved it; else whoever runs this."""
    policies: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()
    limits: Limits = Limits()
    resume: str = ""
    approvals: tuple[str, ...] = ()
    dry_run: bool = False
    ticket: str = ""
    org_policy: str = ""
    local_policy: str = ""
    config: Config | None = None
    guidance: str = ""
    passphrase: Callable[[], str] | None = None
    """Asks the person for the passphrase of the key's file, where somebody can be asked."""
