"""How a store that fails now and then is asked again: with waits at random, and an end to them."""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, IncompleteReadError, SSLError
from botocore.exceptions import ConnectionError as NoConnectionError
from botocore.exceptions import FlexibleChecksumError as WrongSumError
from botocore.parsers import ResponseParserError

from pipelines.ops.repository.s3_errors import BUSY, code_of

AnswerT = TypeVar("AnswerT")

FAILURES = (BotoCoreError, ClientError, ResponseParserError, OSError)
"""What a request may raise."""
_PASSING_STATUS = (408, 429, 500, 502, 503, 504)
_PASSING_CODES = (
    *BUSY,
    "BadDigest",
    "IncompleteBody",
    "InternalError",
    "RequestTimeout",
    "ServiceUnavailable",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "XAmzContentChecksumMismatch",
)
_SILENT = (NoConnectionError, HTTPClientError)
_PASSING = (*_SILENT, IncompleteReadError, ResponseParserError, WrongSumError, OSError)
_STRANGER_TRIES = 4
"""For a store that never answered: its name is probably wrong, and somebody waits to read so."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How often and for how long one request is tried; everything in seconds.

    Before the second try some time up to `first` is waited, then up to twice as long each time, to `most`:
    chosen at random down to nothing, so that many who failed together do not come back together. `in_all`
    after the first try began no other begins; so no request lasts longer than that and one try, as the
    rules in `times.py` need it. A try waits `connect` for the connection, and `read` for each piece of the
    answer.
    """

    tries: int = 10
    first: float = 0.2
    most: float = 10.0
    in_all: float = 120.0
    connect: float = 10.0
    read: float = 60.0
    wait: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random
    monotonic: Callable[[], float] = time.monotonic

    def pause(self, number: int) -> float:
        """Return how long to wait after so many tries."""
        return self.chance() * min(self.most, self.first * 2.0 ** (number - 1))


class Asker:
    """Asks one store, from any number of threads."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._known = threading.Event()

    def ask(self, request: Callable[[], AnswerT]) -> AnswerT:
        """Return the answer to a request, tried again while what is wrong may pass; else raise its error."""
        patience = self._patience
        began, number = patience.monotonic(), 0
        while True:
            number += 1
            try:
                answer = request()
            except FAILURES as error:
                if isinstance(error, ClientError):
                    self._known.set()
                pause = max(patience.pause(number), min(_asked_for(error), patience.most))
                late = patience.monotonic() + pause > began + patience.in_all
                if late or number >= self._tries(error) or not passing(error):
                    raise
                patience.wait(pause)
            else:
                self._known.set()
                return answer

    def _tries(self, error: Exception) -> int:
        """Return how often is enough for a request that ends so."""
        silent = isinstance(error, _SILENT) and not self._known.is_set()
        return min(self._patience.tries, _STRANGER_TRIES) if silent else self._patience.tries


def passing(error: Exception) -> bool:
    """Tell whether a failure may be another one, or none, when the request is sent again.

    Credentials that have expired, or are wrong, stay so: boto3 has renewed before what it can renew.
    """
    if isinstance(error, ClientError):
        return _status(error) in _PASSING_STATUS or code_of(error) in _PASSING_CODES
    if isinstance(error, SSLError):
        return "CERTIFICATE_VERIFY_FAILED" not in str(error)
    return isinstance(error, _PASSING)


def _status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _asked_for(error: Exception) -> float:
    """Return the seconds that the store asks to wait."""
    if not isinstance(error, ClientError):
        return 0.0
    said = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("retry-after", "")
    return float(said) if said.isascii() and said.isdigit() else 0.0
