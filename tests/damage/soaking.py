"""Two repositories and the real commands that work on them: a model knows what each point must restore to."""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import faiss
import numpy as np

from pipelines.ops.repository import ObjectStore, PointRef, Repository, store_at
from pipelines.ops.repository.objects import object_key
from pipelines.ops.repository.points import objects_of
from pipelines.ops.settings import load
from tests.damage.aging import age
from tests.ending import ended

KEPT = 5
"""Points of a repository, at most: older ones are forgotten before a prune."""
FILES = 3
CONTENTS = 9
"""What an index may hold."""
WHOLE = ("config", "objects", "points")
Tree = dict[str, bytes]


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, what it printed, how many seconds it worked once it had begun."""

    code: int
    out: str
    err: str
    seconds: float = 0.0


@dataclass
class Side:
    """A repository: its settings, and the folder in which its store keeps files."""

    given: Mapping[str, str]
    folder: Path
    points: dict[str, Tree] = field(default_factory=dict)
    """What each point that is known to be there restores to."""

    @property
    def repository(self) -> Repository:
        """Open it anew."""
        return Repository.open(store_at(load(self.given, None).repository))

    @property
    def store(self) -> ObjectStore:
        """Where it lies."""
        return self.repository.store

    def restored(self, ref: PointRef, out: Path) -> Tree:
        """Restore a point, and read it."""
        source = self.repository.load(ref).faiss
        assert source is not None
        self.repository.restore_files(source.files, out)
        return tree(out)

    def check(self, out: Path) -> None:
        """Every point that was there restores to what was saved, bit for bit, and no half one shows."""
        refs = self.repository.points()
        assert [ref.problem for ref in refs if ref.problem] == []
        assert set(self.points) == {ref.id for ref in refs}
        for ref in refs:
            assert self.restored(ref, out / ref.short) == self.points[ref.id], ref.key

    def whole(self) -> set[str]:
        """Return the points of which every byte is right."""
        refs = [ref for ref in self.repository.points() if not ref.problem]
        return {ref.id for ref in refs if self.repository.check_bytes(self.repository.load(ref)) == []}

    def thin(self, keep: int = KEPT) -> None:
        """Forget the oldest points."""
        for ref in self.repository.points()[keep:]:
            self.repository.forget(ref)
            del self.points[ref.id]

    def clean(self) -> None:
        """After the next prunes nothing is left but what points need."""
        for _ in range(3):
            age(self.folder)
            self.repository.prune()
        refs = self.repository.points()
        needed = {object_key(one) for ref in refs for one in objects_of(self.repository.load(ref))}
        assert {one.key for one in self.store.list("objects/")} == needed
        assert {one.key.split("/")[0] for one in self.store.list()} <= set(WHOLE)


def tree(folder: Path) -> Tree:
    """Return every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@dataclass
class World:
    """A folder of indexes, the repository that it is saved in, and a copy of that."""

    root: Path
    chance: random.Random
    here: Side
    there: Side
    longest: dict[str, float] = field(default_factory=dict)
    """How many seconds each command works on this machine, once it has begun."""
    ran: int = 0

    def __post_init__(self) -> None:
        for side in (self.here, self.there):
            Repository.create(store_at(load(side.given, None).repository))
        for number in range(FILES):
            self.write(number)

    @property
    def indexes(self) -> Path:
        """Where the indexes lie."""
        return self.root / "indexes"

    def write(self, number: int, content: int | None = None) -> None:
        """Change an index to one of a few contents, so that what was forgotten comes back."""
        content = self.chance.randrange(CONTENTS) if content is None else content
        self.indexes.mkdir(exist_ok=True)
        rows = np.random.default_rng(content).standard_normal((400, 32))
        index = faiss.IndexFlatL2(32)
        index.add(rows.astype(np.float32))
        faiss.write_index(index, str(self.indexes / f"{number}.index"))

    def environ(self, side: Side) -> dict[str, str]:
        """Return the settings of a command on one of both."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.root),
            "DATA_DIR": str(self.root / "data"),
            "SYNAPSE_SCRATCH_DIR": str(self.root / "scratch"),
            "REDIS_PORT": "1",
            "API_PORT": "2",
            **side.given,
        }

    def run(self, side: Side, *arguments: str, wait: float | None = None) -> Ended:
        """Run a command to its end, or kill it so many seconds after it began to work."""
        command = [sys.executable, "-m", "tests.damage.commanding", *arguments, "--json"]
        process = subprocess.Popen(
            command, env=self.environ(side), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        with ended(process):
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            began = time.monotonic()
            with suppress(subprocess.TimeoutExpired):
                process.wait(wait)
            seconds = time.monotonic() - began
            process.kill()
            out, err = process.communicate()
        self.ran += 1
        assert "Traceback" not in err, err
        return Ended(process.returncode, out, err, seconds)

    def kill(self, kind: str, side: Side, *arguments: str, timed: bool) -> bool:
        """Kill a command at a random moment, or time it; tell whether it was killed before its end."""
        done = self.run(side, *arguments, wait=None if timed else self.chance.uniform(0, self.longest[kind]))
        if timed:
            self.longest[kind] = done.seconds
        # It was killed, or it had ended well: no other end is right.
        assert done.code in {0, -9}, done
        assert done.code == -9 or json.loads(done.out)
        return done.code == -9

    def again(self, side: Side, *arguments: str) -> Ended:
        """Run to its end what was killed: that goes well."""
        done = self.run(side, *arguments)
        assert done.code == 0, done
        return done
