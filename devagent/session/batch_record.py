"""The record of a batch: a session of its own, in which each answer stands once, however often it was gone on with."""

from collections.abc import Sequence
from typing import Literal

from msgspec.structs import replace

from devagent.audit.fold import told
from devagent.audit.layout import find_session
from devagent.audit.writer import SessionLog
from devagent.core.errors import Stop
from devagent.core.events import Event
from devagent.core.events.model import BatchNoted, ModelReplied, ModelRequested
from devagent.core.events.session import SessionEnded
from devagent.core.events.turns import Prompt, TurnEnded, TurnStarted
from devagent.models.batches import Result
from devagent.session.batch_costs import BatchCosts
from devagent.session.batch_files import Line, State
from devagent.session.ground import Ground
from devagent.session.model_access import ModelAccess
from devagent.session.options import Options
from devagent.session.record import open_log


class BatchRecord:
    """The batch's log, opened when something is first to be written. ``digest``: of what is asked."""

    def __init__(
        self,
        ground: Ground,
        options: Options,
        access: ModelAccess,
        prompts: Sequence[Line],
        digest: str,
    ) -> None:
        self._ground, self._options, self._access = ground, options, access
        self._prompts, self._digest = prompts, digest
        self._log: SessionLog | None = None

    def open(self, session: str = "") -> SessionLog:
        """The log, of the earlier ``session`` where one is named. Raises UsageError, LogError."""
        if self._log is None:
            credential = self._access.credential()
            toolbox = self._ground.extensions()
            options = replace(self._options, resume=session)
            if session:
                find_session(self._ground.here.sessions, session)
            self._log, _, _ = open_log(
                self._ground,
                options,
                toolbox,
                credential,
                self._access.main,
                _Nobody() if session else None,
            )
        return self._log

    def note(
        self,
        step: Literal["sending", "created", "found", "ended"],
        batch: str = "",
        failed: int = 0,
    ) -> None:
        """Write down a step of the batch."""
        self.open().write(
            BatchNoted(
                step=step,
                model=self._access.main,
                requests=len(self._prompts),
                digest=self._digest,
                batch=batch,
                failed=failed,
            )
        )

    def answers(self, state: State, found: Sequence[Result], costs: BatchCosts) -> None:
        """Write down each answer once, also where an earlier process was killed amid this, and end the record."""
        log = self.open(state.session)
        known = {
            event.request_id for _, _, event in told(log.folder) if isinstance(event, ModelReplied)
        }
        turn = len(known)
        for line, result in zip(self._prompts, found, strict=True):
            request_id = f"{state.batch}/{result.custom_id}"
            if result.status != "succeeded" or request_id in known:
                continue
            turn += 1
            log.write(TurnStarted(turn=turn))
            log.write(Prompt(turn=turn, text=line.prompt))
            log.write(ModelRequested(turn=turn, model=state.model, messages=1, tools=0))
            log.write(
                ModelReplied(
                    turn=turn,
                    model=result.model,
                    stop=result.stop,
                    content=result.content,
                    usage=result.usage,
                    cost=costs.of(result),
                    request_id=request_id,
                )
            )
            log.write(TurnEnded(turn=turn, stop="done", usage=result.usage))
        failed = sum(1 for one in found if one.status != "succeeded")
        self.note("ended", state.batch, failed)
        self.end("done" if not failed else "failed", 1 if failed else 0)

    def end(self, stop: Stop, code: int, reason: str = "") -> None:
        """End the record."""
        log = self.open()
        log.write(SessionEnded(stop=stop, exit_code=code, reason=reason))
        self.close()

    def close(self) -> None:
        """Close the log; it can be gone on with."""
        if self._log is not None:
            self._log.close()
            self._log = None


class _Nobody:
    """Goes on with a session without an agent (``record.TakesIn``)."""

    def apply(self, event: Event) -> None:
        pass

    def begin(self) -> None:
        pass
