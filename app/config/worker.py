"""A production worker: uvicorn under gunicorn, which leaves without dropping a request.

uvicorn's own way to stop closes every connection that has no request at that moment. A client that has
just connected, or just sent the next request, would lose it. So a worker that is told to leave first takes
no new connections, answers what still comes on those it has, asking for each to be closed, and waits.
"""

import asyncio
import fcntl
import os
import signal
import socket
import sys
import termios
from collections.abc import Callable
from contextlib import suppress

from gunicorn.arbiter import Arbiter
from gunicorn.workers import base
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn import Config, Server
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

GRACE_S = 30
"""How long a worker may take to leave; gunicorn kills it afterwards."""
_LINGER_S = 2.0
_POLL_S = 0.02
_LAST_STEPS_S = 5
"""What remains of the grace for closing the stores."""


class Worker(base.Worker):  # type: ignore[misc]  # gunicorn ships no types
    """One process that answers."""

    def init_signals(self) -> None:
        """Take back the handlers that the parent's process left behind."""
        for number in self.SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        # While the application is loaded; afterwards uvicorn has them, and raises them again when it is done.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: sys.exit(0))

    def load_wsgi(self) -> None:
        """Load the application; one that says why it cannot be ends the server, which would try for ever."""
        try:
            super().load_wsgi()
        except SystemExit as told:
            print(told, file=sys.stderr, flush=True)  # noqa: T201  # as without gunicorn: one plain sentence
            sys.exit(Arbiter.WORKER_BOOT_ERROR)

    def run(self) -> None:
        """Serve until told to leave."""
        farewell = _Farewell(self.wsgi)
        config = Config(
            farewell,
            http=HttpToolsProtocol,
            log_config=None,
            access_log=False,
            server_header=False,
            backlog=self.cfg.backlog,
            timeout_keep_alive=self.cfg.keepalive,
            timeout_graceful_shutdown=max(1, self.cfg.graceful_timeout - _LAST_STEPS_S),
            forwarded_allow_ips=self.cfg.forwarded_allow_ips,
        )
        # gunicorn wants a sign twice in the time that it waits; `timeout` is half of it already.
        _PatientServer(config, farewell, self._give_sign, every=self.timeout / 2).run(
            [one.sock for one in self.sockets]
        )

    def _give_sign(self) -> bool:
        """Tell the parent that all is well; False when there is none any more."""
        self.notify()
        return bool(os.getppid() == self.ppid)


class _Farewell:
    """Wraps the application; once `begun`, every answer asks for its connection to be closed."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.begun = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_last(message: Message) -> None:
            if self.begun and message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Connection"] = "close"
            await send(message)

        await self._app(scope, receive, send_last if scope["type"] == "http" else send)


class _PatientServer(Server):
    """Gives a sign of life from its first moment on, and takes its time to leave."""

    def __init__(
        self, config: Config, farewell: _Farewell, give_sign: Callable[[], bool], *, every: float
    ) -> None:
        super().__init__(config)
        self._farewell = farewell
        self._give_sign = give_sign
        self._every = every
        self._end = float("inf")

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve; the event loop itself gives the sign, so that one that hangs gives none."""
        beat = asyncio.get_running_loop().create_task(self._beat())
        try:
            await super().serve(sockets)
        finally:
            beat.cancel()
            with suppress(asyncio.CancelledError):
                await beat

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections, let those there are end by themselves, then stop as uvicorn does."""
        loop = asyncio.get_running_loop()
        self._end = loop.time() + GRACE_S
        self._farewell.begun = True
        for server in self.servers:
            server.close()
        for one in sockets or []:
            one.close()
        enough = loop.time() + _LINGER_S
        # uvicorn tells nobody when a connection ends.
        while self.server_state.connections and loop.time() < enough and not self.force_exit:  # noqa: ASYNC110
            await asyncio.sleep(_POLL_S)
        while not self._let_go() and loop.time() < self._end and not self.force_exit:  # noqa: ASYNC110
            # What has come is read now.
            await asyncio.sleep(0)
        await super().shutdown()

    def _let_go(self) -> bool:
        """End each connection that is idle; False when a request lies unread on one, which must be answered.

        On a busy machine it may lie there for long. Looking and closing go together, for each by itself.
        """
        idle = [
            one
            for one in self.server_state.connections
            # Not a websocket, which is told when uvicorn stops.
            if isinstance(one, HttpToolsProtocol) and _is_idle(one)
        ]
        for one in idle:
            if not _unread(one.transport):
                one.shutdown()
        return all(one.transport.is_closing() for one in idle)

    async def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        while loop.time() < self._end:
            if not self._give_sign():
                # Nobody would end us, and we would keep the port from the next server.
                self.should_exit = True
            await asyncio.sleep(self._every)


def _is_idle(connection: HttpToolsProtocol) -> bool:
    # Declared to be never None, which it is until the first request.
    cycle: RequestResponseCycle | None = connection.cycle
    return cycle is None or cycle.response_complete


def _unread(transport: asyncio.Transport) -> int:
    """Return how many bytes the kernel holds for us."""
    if transport.is_closing():
        return 0
    size = bytearray(4)
    fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.FIONREAD, size)
    return int.from_bytes(size, sys.byteorder)
