"""A running session and its organisation: what is revoked reaches it, and it fetches what is new for the next one.

The policy that a session began with holds to its end, with one exception: a revocation takes away at once. Every call looks
whether another state has come into force (one ``stat``); in the background the server is asked, as often as the
organisation says, whether there is one (one small conditional request).
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from devagent.core.errors import DevagentError
from devagent.core.events import Event
from devagent.core.events.ground import BundleRevoked, BundleSynced
from devagent.core.tools import ExtensionReference
from devagent.core.verdicts import Decision, RuleReference
from devagent.session.enrolled import revoked_principal, synced_event

if TYPE_CHECKING:
    from devagent.org.client import Client
    from devagent.org.fetching import Source
    from devagent.org.in_force import InForce

RULE = "floor#revoked"
USUAL_POLL_S = 300.0
LEAST_POLL_S, MOST_POLL_S = 15.0, 86_400.0
Sleep = Callable[[float], Awaitable[None]]
FIRST_S = 1.0
"""After so long a session asks for the first time: not while it starts."""


class Watch:
    """Of one session, run by somebody of these names (as rules have them). ``refuses`` is asked before each call."""

    sleep: Sleep = staticmethod(asyncio.sleep)
    """Waits for seconds; tests put a clock of their own in its place."""

    def __init__(self, client: "Client", found: "InForce", names: frozenset[str]) -> None:
        self._client = client
        self._digest = found.digest
        self._revision = found.manifest.revision
        self._told = ""
        self._stamp = found.stamp
        self._names = names
        self._news: list[Event] = []
        self._why = ""
        self._superseded = False
        self._extensions: dict[str, str] = {}
        self._source: Source | None = None
        rules = found.chosen.trusted.client
        wanted = rules.get("poll_s", USUAL_POLL_S)
        poll = float(wanted) if isinstance(wanted, int | float) else USUAL_POLL_S
        self.poll_s = min(max(poll, LEAST_POLL_S), MOST_POLL_S)
        self._take(found)

    def refuses(self, extension: ExtensionReference) -> Decision | None:
        """A deny where a revocation says so, of this session or of that extension."""
        self._look()
        if self._why:
            return _denied(self._why)
        for key in (extension.name, f"{extension.name}@{extension.digest}"):
            if key in self._extensions:
                return _denied(
                    f"the extension {extension.name} was revoked: {self._extensions[key] or 'no reason given'}"
                )
        return None

    def is_superseded(self) -> bool:
        """Whether another bundle has come into force since this session began; its own goes on to its end."""
        self._look()
        return self._superseded

    def take_news(self) -> Sequence[Event]:
        """What came about since the last time, for the record."""
        news, self._news = self._news, []
        return news

    def poll(self) -> None:
        """Ask the server, and bring in what is new. What goes wrong is on record; what is in force stays."""
        from devagent.org.refusals import Refused  # noqa: PLC0415  (only on an enrolled machine)
        from devagent.org.sources import source_for  # noqa: PLC0415

        try:
            if self._source is None:
                self._source = source_for(self._client.pin.url)
            if not self._client.is_news(self._source):
                return
            done = self._client.sync(self._source)
            self._told = ""
        except Refused as refused:
            if refused.code != "unreachable":  # being offline is no news
                self._refuse(refused.code, refused.what)
            return
        except DevagentError as error:
            self._refuse("pin", error.what)
            return
        if done.outcome != "unchanged" and done.code not in ("busy", "unreachable"):
            self._news.append(synced_event(self._client.pin, done))

    async def keep_polling(self) -> None:
        """Ask again and again, until cancelled; not all machines at once."""
        await self.sleep(FIRST_S * random.uniform(1, 3))  # noqa: S311  (spreads load, hides nothing)
        while True:
            with suppress(OSError):
                await asyncio.to_thread(self.poll)
            await self.sleep(self.poll_s * random.uniform(0.8, 1.2))  # noqa: S311

    def close(self) -> None:
        """Let go of the connection to the server."""
        if self._source is not None:
            self._source.close()

    def _refuse(self, code: str, why: str) -> None:
        """Put on record that what the server gave was not even looked at; once while it is the same."""
        if code == self._told:
            return
        self._told = code
        pin = self._client.pin
        self._news.append(
            BundleSynced(
                org=pin.org,
                environment=pin.environment,
                outcome="refused",
                before=self._revision,
                after=self._revision,
                err=code,
                reason=why,
            )
        )

    def _look(self) -> None:
        stamp = self._client.state.stamp()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        found = self._client.look()
        from devagent.org.in_force import InForce  # noqa: PLC0415

        if isinstance(found, InForce):
            self._take(found)
        elif found.code == "revoked":
            self._stop(found.what)

    def _take(self, found: "InForce") -> None:
        """What the newest state in force has revoked."""
        self._superseded = found.digest != self._digest
        revoked = found.chosen.revocations
        if self._digest in revoked.bundles:
            self._stop(
                f"this session's policy was revoked: {revoked.bundles[self._digest] or 'no reason given'}"
            )
        elif why := revoked_principal(found, self._names):
            self._stop(why)
        named = {
            f"{one.extension}@{one.digest}" if one.digest else one.extension: one.why
            for one in revoked.extensions
        }
        fresh = {key: why for key, why in named.items() if key not in self._extensions}
        self._extensions |= fresh
        if fresh:
            why = "; ".join(f"{key}: {why or 'no reason given'}" for key, why in fresh.items())
            self._news.append(BundleRevoked(reason=why, extensions=tuple(fresh)))

    def _stop(self, why: str) -> None:
        if not self._why:
            self._why = why
            self._news.append(BundleRevoked(reason=why))


def _denied(why: str) -> Decision:
    grant = "Start another session once your organisation has published a policy for it"
    rule = RuleReference(rule=RULE, effect="deny", layer="floor", why=why, grant=grant)
    return Decision(
        effect="deny",
        reason=f"{why} ({RULE}, below every policy)",
        rules=(RULE,),
        determining=(rule,),
        grant=grant,
    )
