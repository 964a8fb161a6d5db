"""How often and for how long an S3 store is asked again: by a clock that waiting alone moves."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain, repeat

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    IncompleteReadError,
    NoCredentialsError,
    SSLError,
)
from botocore.parsers import ResponseParserError

from pipelines.ops.repository.s3_patience import Asker, Patience, passing


@dataclass
class Time:
    """A clock, and what was waited."""

    now: float = 0.0
    waited: list[float] = field(default_factory=list)

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.waited.append(seconds)
        self.now += seconds

    def patience(self, chance: Callable[[], float] = lambda: 1.0, *, tries: int = 10) -> Patience:
        """Return the real patience in this time."""
        return Patience(tries=tries, wait=self.wait, chance=chance, monotonic=lambda: self.now)


def said(code: str, status: int, **headers: str) -> ClientError:
    """Return what the store refuses with."""
    metadata = {"HTTPStatusCode": status, "HTTPHeaders": {n.replace("_", "-"): v for n, v in headers.items()}}
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": metadata}, "PutObject")


def failing(time: Time, error: Exception, *, takes: float = 0.0) -> Callable[[], None]:
    """Return a request that fails, after so many seconds."""

    def request() -> None:
        time.now += takes
        raise error

    return request


def test_waits_grow_to_a_bound() -> None:
    """At the most they double up to ten seconds, and then it is an error."""
    time = Time()
    with pytest.raises(ClientError):
        Asker(time.patience()).ask(failing(time, said("SlowDown", 503)))
    assert time.waited == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10, 10])


def test_waits_are_at_random_down_to_nothing() -> None:
    """Full jitter: who failed together does not come back together."""
    time = Time()
    chances = chain([0.0, 0.5], repeat(0.25))
    with pytest.raises(ClientError):
        Asker(time.patience(lambda: next(chances))).ask(failing(time, said("InternalError", 500)))
    assert time.waited[:3] == pytest.approx([0.0, 0.2, 0.2])


def test_a_request_is_bounded_in_all() -> None:
    """Tries that take long are fewer: none begins after two minutes."""
    time = Time()
    asker = Asker(time.patience())
    asker.ask(lambda: None)
    with pytest.raises(IncompleteReadError):
        asker.ask(failing(time, IncompleteReadError(actual_bytes=1, expected_bytes=2), takes=50))
    assert time.now <= 120 + 50


def test_the_store_may_ask_for_a_wait() -> None:
    """As long as that is not longer than what is waited at the most."""
    for asks, waited in (("7", 7.0), ("4000", 10.0), ("Wed, 21 Oct 2026 07:28:00 GMT", 0.0)):
        time = Time()
        with pytest.raises(ClientError):
            Asker(time.patience(lambda: 0.0, tries=2)).ask(
                failing(time, said("SlowDown", 503, retry_after=asks))
            )
        assert time.waited == [waited]


def test_a_store_that_never_answered_is_given_up_sooner() -> None:
    """Its address is probably wrong; one that answered before has all the patience there is."""
    gone = EndpointConnectionError(endpoint_url="http://nowhere")
    time = Time()
    asker = Asker(time.patience())
    with pytest.raises(EndpointConnectionError):
        asker.ask(failing(time, gone))
    assert len(time.waited) == 3
    asker.ask(lambda: None)
    time.waited.clear()
    with pytest.raises(EndpointConnectionError):
        asker.ask(failing(time, gone))
    assert len(time.waited) == 9


@pytest.mark.parametrize(
    "error",
    [
        said("ExpiredToken", 400),
        said("InvalidAccessKeyId", 403),
        said("AccessDenied", 403),
        said("NoSuchKey", 404),
        said("PreconditionFailed", 412),
        said("NotImplemented", 501),
        said("XMinioStorageFull", 507),
        NoCredentialsError(),
        SSLError(endpoint_url="https://s3", error="[SSL: CERTIFICATE_VERIFY_FAILED] unknown"),
    ],
    ids=str,
)
def test_what_stays_so_is_said_at_once(error: Exception) -> None:
    """Nobody waits for what waiting does not change."""
    time = Time()
    with pytest.raises((ClientError, BotoCoreError)):
        Asker(time.patience()).ask(failing(time, error))
    assert time.waited == []


@pytest.mark.parametrize(
    "error",
    [
        said("503", 503),
        said("RequestTimeout", 400),
        said("BadDigest", 400),
        said("OperationAborted", 409),
        SSLError(endpoint_url="https://s3", error="EOF occurred in violation of protocol"),
        ResponseParserError("half an answer"),
        ConnectionResetError(),
    ],
    ids=str,
)
def test_what_may_pass(error: Exception) -> None:
    """A server in trouble, bytes that arrived wrong, a connection that broke."""
    assert passing(error)
