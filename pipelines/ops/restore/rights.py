"""Whether a target would carry out each command of a swap, asked before it is touched.

Each command is sent with an argument that the server refuses after it has looked at the user's rights: it
changes nothing, and the answer tells. A right that is missing in the middle leaves a restore without an end.
"""

import redis
from redis.exceptions import NoPermissionError, ResponseError

from pipelines.ops.errors import RefusedError
from pipelines.ops.redis.connection import call
from pipelines.ops.redis.digest import MARKER_PREFIX

_ASKED: tuple[tuple[str, ...], ...] = (
    ("CLIENT", "PAUSE", "never", "WRITE"),
    ("CONFIG", "SET", "synapse-no-such-setting", "1"),
    ("REPLICAOF", "nowhere.invalid", "-1"),
    ("FUNCTION", "DELETE", f"{MARKER_PREFIX}none"),
)
_NO_WRITES = ("MISCONF", "NOREPLICAS")


def check(client: redis.Redis) -> None:
    """Raise NoPermissionError for a right; RefusedError if the target lacks a command or takes no writes."""
    for command in _ASKED:
        try:
            call(client, *command)
        except NoPermissionError:
            raise
        except ResponseError as error:
            _look_at(command, str(error))


def _look_at(command: tuple[str, ...], answer: str) -> None:
    if answer.startswith("unknown command"):
        raise RefusedError(
            f"The target has no command {command[0]}, which a restore into it needs.",
            "Take its rename-command out of the configuration, or stop the target and restore again.",
        )
    if answer.startswith(_NO_WRITES):
        raise RefusedError(
            f"The target takes no writes, and a restore ends with one ({answer}).",
            "Correct that first (its log, its disk, min-replicas-to-write), then restore again.",
        )
