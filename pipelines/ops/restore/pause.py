"""Hold the writes of a running Redis; the pause ends by itself soon after this process does."""

import threading
import time
from types import TracebackType
from typing import Self

import redis
from redis.exceptions import RedisError

from app.stores.memory.address import RedisAddress
from pipelines.ops.errors import UnreachableError
from pipelines.ops.redis.connection import call, connect, named, talking_to

_PAUSE_S = 10.0
_RENEW_S = 2.0
_AGAIN = "Run the restore again."
_STOPPED = "this process was stopped for too long"


def one_connection(address: RedisAddress) -> redis.Redis:
    """Return a client that fails when its connection ends, instead of speaking to a server started since."""
    client = connect(address)
    dialled = threading.Event()

    def dial_once(connection: redis.Connection) -> None:
        if dialled.is_set():
            raise redis.ConnectionError("the connection ended: was the server restarted?")
        dialled.set()
        connection.on_connect()  # type: ignore[no-untyped-call]  # untyped there

    client.connection_pool.connection_kwargs["redis_connect_func"] = dial_once
    return client


class WritePause:
    """`CLIENT PAUSE … WRITE`, renewed until it is left; then it runs out, unless `unpause` ends it.

    Leaving it does not let writes in: whoever ends the restore takes the pause over first.
    """

    def __init__(self, address: RedisAddress) -> None:
        self.run_id = ""
        self._changes = 0
        self._address = address
        self._client = one_connection(address)
        self._leave = threading.Event()
        self._failure: RedisError | OSError | None = None
        self._ran_out = False
        self._renewed = 0.0
        self._thread = threading.Thread(target=self._renew, name="write-pause", daemon=True)

    def __enter__(self) -> Self:
        with talking_to(self._address):
            self.run_id = run_id(self._client)
            self._pause()
            self._changes = changes_of(call(self._client, "INFO", "persistence"))
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave.set()
        self._thread.join()
        self._client.close()

    def check(self) -> None:
        """Raise UnreachableError when the pause could not be renewed: writes may have come through."""
        if self._failure is not None or self._late():
            raise UnreachableError(
                f"The write pause of {named(self._address)} was lost ({self._failure or _STOPPED}).", _AGAIN
            ) from self._failure

    def check_quiet(self, changed: int) -> None:
        """Raise UnreachableError when the server was changed since it was paused: somebody let writes in.

        A snapshot that ends meanwhile resets the server's counter: fewer changes than before prove nothing.
        """
        if changed > self._changes:
            raise UnreachableError(
                f"{named(self._address)} took writes while it was paused: somebody ended the pause"
                " (CLIENT UNPAUSE), or its clock was moved.",
                "See whether another restore into it is running, then run this one again.",
            )

    def joined(self) -> redis.Redis:
        """Return a client of one connection to the very server process that is paused."""
        client = one_connection(self._address)
        if run_id(client) != self.run_id:
            raise UnreachableError(f"{named(self._address)} was restarted meanwhile.", _AGAIN)
        self.check()
        return client

    def _pause(self) -> None:
        began = time.monotonic()
        call(self._client, "CLIENT", "PAUSE", int(_PAUSE_S * 1000), "WRITE")
        self._renewed = began

    def _late(self) -> bool:
        """Say whether it ran out; once is enough, a pause renewed later has a gap."""
        self._ran_out = self._ran_out or time.monotonic() - self._renewed > _PAUSE_S
        return self._ran_out

    def _renew(self) -> None:
        while not self._leave.wait(_RENEW_S) and not self._late():
            try:
                self._pause()
            except (RedisError, OSError) as error:
                self._failure = error
                return


def changes_of(persistence: bytes) -> int:
    """Read in `INFO persistence` how often a server changed its data since it last saved an RDB file."""
    field = b"rdb_changes_since_last_save:"
    return int(persistence[persistence.index(field) + len(field) :].split(None, 1)[0])


def run_id(client: redis.Redis) -> str:
    """Return the name that a server process gave itself when it started."""
    return str(client.info("server")["run_id"])
