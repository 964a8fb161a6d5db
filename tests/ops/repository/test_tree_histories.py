"""Any trees of files, in any history of backups, copies, forgetting and prunes, come back as they were."""

import io
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.ops.copying import State, carry_out, plan_copy
from pipelines.ops.model import FaissSource, RestorePoint
from pipelines.ops.reporting import SilentReporter
from pipelines.ops.repository import InMemoryStore, Repository
from pipelines.ops.repository.copying import essence
from pipelines.ops.repository.documents import to_bytes
from pipelines.ops.repository.guarding import Pace
from pipelines.ops.repository.objects import object_key
from pipelines.ops.repository.points import objects_of
from pipelines.ops.repository.sealed import below
from pipelines.ops.repository.times import Times
from tests.ops.repository.keeping import DAY, HOUR, Clock
from tests.ops.repository.test_properties import SMALL, TREES
from tests.passphrases import KINDS, of_kind

Tree = dict[str, bytes]
NUMBER = st.integers(0, 9)
SIDE = st.booleans()
STEPS = st.one_of(
    st.tuples(st.just("backup"), TREES),
    st.tuples(st.just("change"), st.tuples(NUMBER, st.binary(max_size=600))),
    st.tuples(st.just("again"), NUMBER),
    st.tuples(st.just("copy"), st.none()),
    st.tuples(st.just("forget"), st.tuples(SIDE, NUMBER)),
    st.tuples(st.just("prune"), SIDE),
    st.tuples(st.just("wait"), st.sampled_from([HOUR, 13 * HOUR, DAY])),
)


@dataclass
class Side:
    """A repository of small chunks in memory, and what each of its points, by its essence, restores to."""

    clock: Clock
    kind: str | None
    repository: Repository = field(init=False)
    trees: dict[str, Tree] = field(default_factory=dict)

    def __post_init__(self) -> None:
        made = Repository.create(InMemoryStore(now=self.clock), passphrase=of_kind(self.kind))
        # Small chunks, so that small examples have several; a publication compares both.
        config = made.config.model_copy(update={"chunker": SMALL})
        below(made.store).put("config", to_bytes(config), replace=True)
        pace = Pace(Times(), self.clock.wait)
        self.repository = replace(made, config=config, now=self.clock.machine, pace=pace)

    def check(self) -> None:
        """Look that it has the points of the model, and that each restores to its tree."""
        found = {}
        for ref in self.repository.points():
            point = self.repository.load(ref)
            assert point.faiss is not None
            with tempfile.TemporaryDirectory() as folder:
                out = Path(folder) / "out"
                self.repository.restore_files(point.faiss.files, out)
                files = [path for path in out.rglob("*") if path.is_file()]
                found[essence(point)] = {str(path.relative_to(out)): path.read_bytes() for path in files}
        assert found == self.trees

    def forget(self, number: int) -> None:
        """Forget a point."""
        refs = self.repository.points()
        if refs:
            ref = refs[number % len(refs)]
            del self.trees[essence(self.repository.load(ref))]
            self.repository.forget(ref)

    def clean(self) -> None:
        """After the last prunes nothing is left but what points need."""
        for _ in range(3):
            self.clock.wait(DAY)
            self.repository.prune()
        points = [self.repository.load(ref) for ref in self.repository.points()]
        needed = {object_key(one) for point in points for one in objects_of(point)}
        assert {one.key for one in self.repository.store.list("objects/")} == needed
        self.check()


class History:
    """What happens to a repository and its copy."""

    def __init__(self, one: str | None, other: str | None) -> None:
        self.clock = Clock()
        self.here, self.there = Side(self.clock, one), Side(self.clock, other)
        self.tree: Tree = {}
        self.saved: list[Tree] = []
        """Every tree that was ever saved, to be saved again when nothing of it may be left."""

    def step(self, what: str, how: object) -> None:
        """Do one thing."""
        match what, how:
            case "backup", dict():
                self.tree = how
                self.backup()
            case "change", (int(number), bytes(data)) if self.tree:
                name = sorted(self.tree)[number % len(self.tree)]
                self.tree = {**self.tree, name: self.tree[name][: len(data) * 3] + data}
                self.backup()
            case "again", int() if self.saved:
                self.tree = self.saved[how % len(self.saved)]
                self.backup()
            case "copy", None if self.here.trees:
                plan = plan_copy(self.here.repository, self.there.repository, [])
                done = carry_out(self.here.repository, self.there.repository, plan, SilentReporter())
                assert {item.state for item in done} <= {State.COPIED, State.PRESENT}
                self.there.trees |= self.here.trees
            case "forget", (bool(there), int(number)):
                (self.there if there else self.here).forget(number)
            case "prune", bool():
                (self.there if how else self.here).repository.prune()
            case "wait", float():
                self.clock.wait(how)

    def backup(self) -> None:
        """Save the tree."""
        self.clock.wait(1.0)
        repository, now = self.here.repository, self.clock.machine()
        files = repository.store_files((path, io.BytesIO(data)) for path, data in self.tree.items()).files
        source = FaissSource(way="folder", files=files)
        point = RestorePoint(host="h", software={}, started=now, finished=now, faiss=source)
        repository.publish(point)
        self.here.trees[essence(point)] = self.tree
        self.saved.append(self.tree)


@settings(max_examples=50, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(KINDS), st.sampled_from(KINDS), st.lists(STEPS, max_size=12))
def test_any_history(one: str | None, other: str | None, steps: list[tuple[str, object]]) -> None:
    """Whatever the order, plain and encrypted."""
    history = History(one, other)
    for what, how in steps:
        history.step(what, how)
        history.here.check()
        history.there.check()
    history.here.clean()
    history.there.clean()


@pytest.mark.soak
@pytest.mark.timeout(3600)
@settings(max_examples=3_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(KINDS), st.sampled_from(KINDS), st.lists(STEPS, max_size=30))
def test_any_long_history(one: str | None, other: str | None, steps: list[tuple[str, object]]) -> None:
    """As above, for long."""
    test_any_history.hypothesis.inner_test(one, other, steps)  # type: ignore[attr-defined]  # as it is there
