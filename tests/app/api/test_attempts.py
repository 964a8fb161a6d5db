"""How often a client may fail to sign in, and that what is remembered is bounded."""

from app.api.attempts import Attempts


class Seconds:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def _fail(attempts: Attempts, client: str, times: int) -> None:
    for _ in range(times):
        assert attempts.wait(client) == 0
        attempts.failed(client)


def test_after_ten_failures_a_client_waits_five_seconds_for_each() -> None:
    """However long it goes on; when it has rested it may fail ten times again."""
    clock = Seconds()
    attempts = Attempts(clock)
    _fail(attempts, "203.0.113.7", 10)
    for _ in range(3):
        assert attempts.wait("203.0.113.7") == 5
        clock.now += 4
        assert attempts.wait("203.0.113.7") == 1
        clock.now += 1
        _fail(attempts, "203.0.113.7", 1)
    clock.now += 50
    _fail(attempts, "203.0.113.7", 10)


def test_a_client_is_an_address_or_a_network_of_its_own() -> None:
    """Others are not slowed; another address of the same /64 is no other client."""
    attempts = Attempts(Seconds())
    _fail(attempts, "203.0.113.7", 10)
    _fail(attempts, "2001:db8::1", 10)
    _fail(attempts, "", 10)
    assert attempts.wait("203.0.113.8") == attempts.wait("2001:db8:0:1::1") == 0
    assert attempts.wait("2001:db8::ffff:2") == attempts.wait("") == 5


def test_only_so_many_clients_are_remembered() -> None:
    """The one that failed longest ago is forgotten."""
    attempts = Attempts(Seconds())
    _fail(attempts, "first", 10)
    _fail(attempts, "second", 10)
    for number in range(999):
        attempts.failed(f"client {number}")
    assert attempts.wait("first") == 0
    assert attempts.wait("second") == 5
