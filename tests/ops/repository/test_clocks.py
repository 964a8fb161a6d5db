"""A machine's clock or the store's, a day wrong forth or back at any moment: no point loses an object."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.ops.repository.keeping import DAY, Clock, Kept, keys
from tests.ops.repository.test_prune_histories import STEPS as WORK
from tests.ops.repository.test_prune_histories import History

WRONG = st.sampled_from([-DAY, 0.0, DAY])
STEPS = st.one_of(WORK, WORK, WORK, st.tuples(st.sampled_from(["machine", "store"]), WRONG))


@dataclass
class WrongClock(Clock):
    """Clocks that can be set wrong: the store's, and apart from that the machine's."""

    store: float = 0.0
    machines: float = 0.0

    def __call__(self) -> float:
        """Return the store's time."""
        return self.seconds + self.store

    def machine(self) -> datetime:
        """Return the machine's time."""
        return super().machine() + timedelta(seconds=self.machines)


class WrongHistory(History):
    """A history in which clocks are set wrong, and right at its end."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = WrongClock()
        self.kept = Kept(self.clock)

    def step(self, what: str, how: object) -> None:
        """Set a clock, or do one thing; then look at every point."""
        match what, how:
            case "machine", float():
                self.clock.machines = how
            case "store", float():
                self.clock.store = how
            case _:
                super().step(what, how)

    def end(self) -> None:
        """Set the clocks right; once that what is of tomorrow is old, nothing unneeded is left."""
        self.clock.store = self.clock.machines = 0.0
        for _ in range(3):
            self.kept.clock.wait(DAY)
            self.kept.repository.prune()
        super().end()


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEPS, max_size=25))
def test_any_history(steps: list[tuple[str, object]]) -> None:
    """Whatever the order."""
    history = WrongHistory()
    for what, how in steps:
        history.step(what, how)
    history.end()


def test_what_was_condemned_before_the_clock_went_back() -> None:
    """A list of tomorrow deletes nothing that a point needs, and what it lists goes in the end."""
    clock = WrongClock()
    kept = Kept(clock)
    kept.repository.forget(kept.backup(b"one", b"two"))
    clock.wait(DAY)
    clock.store = DAY
    assert kept.repository.prune().condemned.objects == 2
    clock.store = 0.0
    kept.backup(b"one")
    for _ in range(5):
        clock.wait(DAY / 2)
        kept.repository.prune()
        kept.check()
    assert kept.objects() == keys(b"one")
    assert kept.rest() == set()
