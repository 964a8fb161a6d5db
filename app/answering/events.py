"""Tells everybody who listens what has changed. A listener that cannot keep up is let go."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

QUEUE = 64
"""Events that may wait for a listener."""


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that changed: `kind` is `document.added`, `index.changed`, and so on."""

    kind: str
    at: datetime
    data: Mapping[str, str | int | bool | None]


class Listener:
    """One who listens: iterate `events` inside `scope`, which is cancelled when it is let go."""

    def __init__(self) -> None:
        self.scope = anyio.CancelScope()
        self._send: MemoryObjectSendStream[Happening]
        self.events: MemoryObjectReceiveStream[Happening]
        self._send, self.events = anyio.create_memory_object_stream[Happening](QUEUE)

    def offer(self, happening: Happening) -> None:
        """Queue an event, or let the listener go when its queue is full."""
        try:
            self._send.send_nowait(happening)
        except anyio.WouldBlock:
            self.scope.cancel("too slow")

    def close(self) -> None:
        """Release the queue."""
        self._send.close()
        self.events.close()


class Events:
    """All listeners of this process."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()

    @property
    def listeners(self) -> int:
        """How many listen now."""
        return len(self._listeners)

    def publish(self, happening: Happening) -> None:
        """Offer an event to everybody; never waits."""
        for listener in tuple(self._listeners):
            listener.offer(happening)

    @contextmanager
    def listen(self) -> Iterator[Listener]:
        """Listen for as long as the block runs."""
        listener = Listener()
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)
            listener.close()
