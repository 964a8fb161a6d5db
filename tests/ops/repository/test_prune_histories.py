"""In any history of backups, forgetting and pruning every point restores, and nothing unneeded is left."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.ops.errors import DamagedError, OpsError
from pipelines.ops.repository import FolderStore, InMemoryStore, Repository
from pipelines.ops.repository.storing import StoredFiles
from tests.ops.repository.dying import DyingStore
from tests.ops.repository.keeping import DAY, HOUR, Kept, keys

CONTENTS = st.sets(st.sampled_from([bytes([number]) * 40 for number in range(6)]), max_size=4).map(
    lambda found: tuple(sorted(found))
)
STEPS = st.one_of(
    st.tuples(st.just("backup"), CONTENTS),
    st.tuples(st.just("store"), CONTENTS),
    st.tuples(st.just("publish"), st.integers(0, 9)),
    st.tuples(st.just("forget"), st.integers(0, 9)),
    st.tuples(st.just("prune"), st.just(0)),
    st.tuples(st.just("prune dies"), st.integers(0, 12)),
    st.tuples(st.just("wait"), st.sampled_from([1.0, HOUR, 6 * HOUR, 12 * HOUR, DAY])),
)


class History:
    """What happens to one repository; backups that have stored and not published are `open`."""

    def __init__(self) -> None:
        self.kept = Kept()
        self.open: list[tuple[StoredFiles, tuple[bytes, ...]]] = []

    def step(self, what: str, how: object) -> None:
        """Do one thing, and look at every point."""
        kept = self.kept
        match what, how:
            case "backup", tuple():
                kept.backup(*how)
            case "store", tuple():
                self.open.append((kept.stored(*how), how))
            case "publish", int() if self.open:
                self._publish(*self.open.pop(how % len(self.open)))
            case "forget", int() if kept.repository.points():
                refs = kept.repository.points()
                kept.repository.forget(refs[how % len(refs)])
            case "prune", _:
                kept.repository.prune()
            case "prune dies", int():
                self._prune_dies(how)
            case "wait", float():
                kept.clock.wait(how)
        kept.check()

    def end(self) -> None:
        """Publish what is open, let the last prunes come, and look that nothing unneeded is left."""
        kept = self.kept
        while self.open:
            self._publish(*self.open.pop())
        for _ in range(3):
            kept.clock.wait(DAY)
            kept.repository.prune()
        kept.check()
        needed: set[bytes] = set()
        for ref in kept.repository.points():
            needed |= set(kept.contents[ref.id])
        assert kept.objects() == keys(*needed)
        assert kept.rest() == set()

    def _publish(self, stored: StoredFiles, contents: tuple[bytes, ...]) -> None:
        self.kept.clock.wait(0.001)
        try:
            self.kept.publish(stored, *contents)
        except DamagedError:
            # It took as long as both passes: the next run succeeds.
            self.kept.backup(*contents)

    def _prune_dies(self, works: int) -> None:
        kept = self.kept
        assert isinstance(kept.store, InMemoryStore)
        mortal = DyingStore(kept.store.values, works, kept.clock)
        mortal.times = kept.store.times
        repository = Repository.open(mortal)
        try:
            repository.prune()
        except OpsError:
            return


@settings(max_examples=250, deadline=None, derandomize=True)
@given(st.lists(STEPS, max_size=25))
def test_any_history(steps: list[tuple[str, object]]) -> None:
    """Whatever the order; slow backups and dead prunes among them."""
    history = History()
    for what, how in steps:
        history.step(what, how)
    history.end()


@pytest.mark.soak
@pytest.mark.timeout(3600)
@settings(max_examples=10_000, deadline=None)
@given(st.lists(STEPS, max_size=60))
def test_any_long_history(steps: list[tuple[str, object]]) -> None:
    """As above, for long."""
    test_any_history.hypothesis.inner_test(steps)  # type: ignore[attr-defined]  # as it is there


def test_a_folder_and_memory_hold_the_same(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The same calls on a folder; its clock is the disk's, so nothing is deleted yet."""
    kept = Kept()
    kept.use(FolderStore(tmp_path_factory.mktemp("r")))
    ref = kept.backup(b"one", b"two")
    kept.backup(b"two")
    kept.repository.forget(ref)
    report = kept.repository.prune()
    assert (report.fresh.objects, report.needed.objects) == (1, 1)
    kept.check()
