"""Connections to a Redis or Valkey server, and its errors in an operator's words."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    NoPermissionError,
    RedisError,
    ResponseError,
)
from redis.retry import Retry

from app.stores.memory.address import RedisAddress
from pipelines.ops.errors import OpsError, UnreachableError

TIMEOUT_S = 30.0


def connect(address: RedisAddress, *, timeout: float = TIMEOUT_S) -> redis.Redis:
    """Return a client that decodes nothing and never retries: a repeated command could be a second effect."""
    return redis.Redis(
        host=address.host,
        port=address.port,
        username=address.username,
        password=address.password,
        db=address.db,
        ssl=address.tls,
        ssl_ca_certs=str(address.tls_ca) if address.tls_ca else None,
        socket_timeout=timeout,
        socket_connect_timeout=min(timeout, 5.0),
        retry=Retry(NoBackoff(), 0),
        protocol=2,
        driver_info=None,
    )


def call(client: redis.Redis, *parts: str | bytes | int) -> Any:  # noqa: ANN401  # a reply has the command's shape
    """Send one command as it is; the reply is what the server sent, undecoded."""
    encoded = [part if isinstance(part, bytes) else str(part).encode() for part in parts]
    with raw(client) as exchange:
        return exchange([encode(encoded)], 1)[0]


def encode(parts: Sequence[bytes]) -> bytes:
    """Write a command as a RESP array of bulk strings."""
    return b"*%d\r\n" % len(parts) + b"".join([b"$%d\r\n%s\r\n" % (len(part), part) for part in parts])


@contextmanager
def raw(client: redis.Redis) -> Iterator[Callable[[Sequence[bytes], int], list[Any]]]:
    """Give a function that sends packed commands and reads so many replies as they are."""
    connection = client.connection_pool.get_connection()

    def exchange(packed: Sequence[bytes], replies: int) -> list[Any]:
        if packed:
            connection.send_packed_command(packed)  # type: ignore[no-untyped-call]  # untyped there
        return [connection.read_response(disable_decoding=True) for _ in range(replies)]

    whole = False
    try:
        yield exchange
        whole = True
    finally:
        if not whole:
            # Replies that nobody read must not answer another command.
            connection.disconnect()  # type: ignore[no-untyped-call]  # untyped there
        client.connection_pool.release(connection)


def named(address: RedisAddress) -> str:
    """Name a server in a sentence, without its password."""
    return f"Redis at {address.host}:{address.port}"


@contextmanager
def talking_to(address: RedisAddress) -> Iterator[None]:
    """Turn what the client library raises into an OpsError that names the server and the remedy."""
    try:
        yield
    except RedisError as error:
        raise explain(address, error) from error
    except OSError as error:
        raise explain(address, redis.ConnectionError(str(error))) from error


def explain(address: RedisAddress, error: RedisError) -> OpsError:
    """Say what a client error means for the operator."""
    name, text = named(address), _without_secret(address, str(error).split("\n")[0])
    if isinstance(error, AuthenticationError) or text.startswith(("NOAUTH", "WRONGPASS")):
        return UnreachableError(
            f"{name} refused the password ({text}).",
            "Set REDIS_PASSWORD (or REDIS_PASSWORD_FILE) and REDIS_USERNAME to what the server expects.",
        )
    if isinstance(error, NoPermissionError) or "NOPERM" in text:
        return UnreachableError(
            f"{name} does not let this user run a command that is needed ({text}).",
            "Grant the user the rights listed under 'Redis user' in the README.",
        )
    if isinstance(error, BusyLoadingError) or text.startswith("LOADING"):
        return UnreachableError(f"{name} is still loading its data.", "Try again when it has finished.")
    if isinstance(error, ResponseError):
        return OpsError(f"{name} answered: {text}.", "See the server's log for the reason.")
    if address.tls and "certificate" in text.lower():
        return UnreachableError(
            f"{name} shows a certificate that is not trusted ({text}).",
            "Set REDIS_TLS_CA to the file of the authority that signed it, and REDIS_HOST to the name in it.",
        )
    return UnreachableError(
        f"{name} cannot be reached ({text}).",
        "Start it, or set REDIS_HOST, REDIS_PORT and REDIS_TLS to where it runs.",
    )


def is_closed(error: BaseException) -> bool:
    """Say whether an error began with a refused connection: nobody listens on that port."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ConnectionRefusedError):
        cause = cause.__cause__ or cause.__context__
    return cause is not None


def is_loading(error: BaseException) -> bool:
    """Say whether a server answered that it is loading its data."""
    return isinstance(error.__cause__, BusyLoadingError)


def _without_secret(address: RedisAddress, text: str) -> str:
    """Take the password out of a server's words: a server without AUTH repeats what it was sent."""
    return text.replace(address.password, "…") if address.password else text
