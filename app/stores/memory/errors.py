"""What Redis reports, in words that a person can act on; never with the password."""

from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
)
from redis.exceptions import (
    TimeoutError as RedisTimeoutError,
)

from app.domain import StoreUnavailableError
from app.stores.memory.address import RedisAddress

_NOT_LET_IN = "unauthenticated"
"""What Redis says to a long command without a password: a protocol error, not NOAUTH."""

_MEANINGS: tuple[tuple[tuple[type[Exception], ...], str, str], ...] = (
    (
        (AuthenticationError, AuthorizationError),
        "does not accept the password",
        "Set REDIS_PASSWORD to the password of the server.",
    ),
    (
        (NoPermissionError,),
        "does not let this user do it",
        "Give the user all commands on the keys synapse:*.",
    ),
    ((ReadOnlyError,), "takes no writes now", "A restore is probably under way: try again in a minute."),
    (
        (OutOfMemoryError,),
        "is full",
        "Raise its maxmemory, and see that its policy is volatile-lru.",
    ),
    ((BusyLoadingError,), "is still loading its data", "Try again in a moment."),
    (
        (RedisTimeoutError, TimeoutError),
        "did not answer in time",
        "It is overloaded, hung, or paused by a restore: try again in a minute, then look at its log.",
    ),
)


def unavailable(address: RedisAddress, error: Exception) -> StoreUnavailableError:
    """Say what failed on which server and what to do."""
    if _NOT_LET_IN in str(error):
        error = AuthenticationError(str(error))
    for kinds, what, hint in _MEANINGS:
        if isinstance(error, kinds):
            return StoreUnavailableError(f"Redis at {address} {what}.", hint)
    return StoreUnavailableError(
        f"Redis at {address} cannot be used ({error}).",
        "See that it runs and that REDIS_HOST and the port are right.",
    )
