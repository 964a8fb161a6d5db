"""Follows the index, the restore and the health of this service, and publishes what changes."""

from collections.abc import Callable
from datetime import datetime

import anyio
import structlog

from app.answering.events import Events, Happening
from app.answering.health import Health
from app.answering.threads import Threads
from app.domain import Generation
from app.errors import SynapseError
from app.stores.index.port import DocumentIndex

_EVERY = 0.5
_LOOK_EVERY = 5.0
_LISTED = 100
_log = structlog.get_logger(__name__)


class Follower:
    """Sees writes of other processes too, as it asks the store; `poke` makes it look at once."""

    def __init__(
        self,
        index: DocumentIndex,
        health: Health,
        events: Events,
        threads: Threads,
        *,
        restoring: Callable[[], bool],
        clock: Callable[[], datetime],
    ) -> None:
        self._index = index
        self._health = health
        self._events = events
        self._threads = threads
        self._restoring = restoring
        self._clock = clock
        self._poked = anyio.Event()
        self._generation: Generation | None = None
        self._state: str | None = None
        self._was_restoring = restoring()
        self._looked = float("-inf")

    def poke(self) -> None:
        """Look now rather than at the next tick."""
        self._poked.set()

    async def run(self) -> None:
        """Follow until cancelled; a store that fails is asked again at the next tick."""
        while True:
            self._poked = anyio.Event()
            self._follow_restore()
            try:
                await self._follow_index()
            except SynapseError as error:
                _log.warning("index cannot be followed", reason=str(error))
            except Exception:  # noqa: BLE001  # events may stop for a tick, but never the service with them
                _log.exception("index cannot be followed")
            await self._follow_health()
            with anyio.move_on_after(_EVERY):
                await self._poked.wait()

    def deleted(self, document_id: str) -> None:
        """Publish that a document was deleted through this process."""
        self._publish("document.deleted", id=document_id)
        self.poke()

    def _follow_restore(self) -> None:
        now = self._restoring()
        if now != self._was_restoring:
            self._publish("restore.changed", restoring=now)
            self._was_restoring = now

    async def _follow_index(self) -> None:
        before, now = self._generation, await self._threads.run(self._index.generation)
        if before == now:
            return
        if before and before.epoch == now.epoch:
            added = await self._threads.run(self._index.list, after=before.sequence, limit=_LISTED)
            for document in added:
                self._publish("document.added", id=document.id, title=document.title)
        if before:
            self._publish("index.changed", epoch=now.epoch, sequence=now.sequence)
        self._generation = now

    async def _follow_health(self) -> None:
        if anyio.current_time() - self._looked < _LOOK_EVERY:
            return
        report = await self._health.look()
        self._looked = anyio.current_time()
        if self._state not in {None, report.state}:
            self._publish("health.changed", state=report.state)
        if self._state != report.state:
            _log.info(
                "health",
                state=report.state,
                reasons=[condition.reason for condition in report.conditions if condition.reason],
            )
        self._state = report.state

    def _publish(self, kind: str, **data: str | int | bool | None) -> None:
        self._events.publish(Happening(kind, self._clock(), data))
