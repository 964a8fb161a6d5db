"""Save, change, save again, restore and check the same data with Synapse, restic, borg and `tar | zstd`.

About 500 MB: a Flat, an HNSW and an IVF-PQ index of FAISS, and a Redis with its AOF (see `material`). Synapse
captures Redis over the wire, the others read the folder of its AOF. Each repetition has new repositories, the
programs take turns within each step, and the page cache is warm. Backups of Synapse are taken with
--no-verify: none of the others proves what it has saved. To make a repository is not measured; to derive its
key is, each time.

usage: python -m tests.bench.peers [--times 3] [--scale 1.0]
"""

import argparse
import hashlib
import os
import shutil
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from pipelines.ops.redis.connection import connect
from tests.bench.goals import Goal, Row, beyond, table, unmet
from tests.bench.material import SEED, Amount, change_indexes, change_redis, fill_indexes, fill_redis
from tests.bench.measure import MB, apart, bytes_in, measure
from tests.bench.rivals import Command, Rival, Source, missing, rivals
from tests.ops.capture.servers import answers, rewrite
from tests.servers import PROGRAMS, LiveServer, live_server, started_again
from tests.waiting import wait_until

_WIDTH = 150
_BACKUPS = 4
_NEWEST = _BACKUPS - 1
_BEYOND_OPENING = Goal(0.3, of_reference=False)


def main() -> int:
    """Fill, repeat, print the table; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.peers", description=__doc__)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0)
    given = parser.parse_args()
    lacking = missing()
    if lacking:
        sys.stderr.write(f"NOT MEASURED: {', '.join(lacking)} not installed.\n")
        sys.stderr.write("Install them first: apt-get install restic borgbackup zstd\n")
        return 1
    say = Console(width=_WIDTH)
    with ExitStack() as held:
        root = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="synapse-peers-")))
        bench = _Bench.filled(root, Amount().scaled(given.scale), held, say)
        for number in range(given.times):
            bench.repeat(number)
        rows = bench.judged()
        say.print(table(f"{bench.size:.0f} MB, seed {SEED}, medians of {given.times} runs", rows))
        say.print(f"Not met: {', '.join(unmet(rows)) or 'none'}.")
    return 0


def rows() -> dict[str, Row]:
    """Return the rows of the table, without figures yet."""
    small, delta = Goal(512, of_reference=False), Goal(1000, of_reference=False)
    return {
        "start": Row("start of the command (--version)", "s", Goal(0.25, of_reference=False)),
        "opening": Row("start, key derivation and list", "s"),
        "backup 0": Row("first backup", "s", Goal(0.5)),
        "backup 1": Row("backup after 1 % of change", "s", Goal(0.6)),
        "backup 2": Row("backup, unchanged", "s"),
        "backup 3": Row("backup after a restart of Redis", "s", Goal(0.6)),
        "folder": Row("backup of the folder alone, unchanged", "s"),
        "restore 0": Row("restore of the first", "s", Goal(0.65)),
        f"restore {_NEWEST}": Row("restore of the newest (through a delta)", "s", Goal(1.1)),
        "check 1": Row("full check of one backup", "s", Goal(0.45)),
        f"check {_BACKUPS}": Row("full check of four backups", "s", Goal(0.45)),
        "new 0": Row("size on disk of one backup", "MB", Goal(1)),
        "size": Row("size on disk of four backups", "MB", Goal(1)),
        "new 1": Row("new after 1 % of change", "MB", Goal(1 / 25)),
        "new 2": Row("new, unchanged", "MB"),
        "new 3": Row("new after a restart of Redis", "MB", Goal(1 / 25)),
        "peak backup 0": Row("peak memory of the first backup", "MB", small),
        "peak backup 1": Row("peak memory of the changed one (delta)", "MB", delta),
        f"peak restore {_NEWEST}": Row("peak memory of the restore", "MB", delta),
        f"peak check {_BACKUPS}": Row("peak memory of the check", "MB", delta),
    }


@dataclass(slots=True)
class _Bench:
    """The data as it grows, and what was measured on it."""

    root: Path
    amount: Amount
    held: ExitStack
    say: Console
    server: LiveServer
    rows: dict[str, Row]
    size: float = 0.0

    @classmethod
    def filled(cls, root: Path, amount: Amount, held: ExitStack, say: Console) -> "_Bench":
        """Start the server, and fill it and the indexes."""
        program = PROGRAMS.get("redis") or PROGRAMS["valkey"]
        say.print(f"Filling {program.version} and the indexes ...")
        server = held.enter_context(live_server(program, root / "redis"))
        bench = cls(root, amount, held, say, server, rows())
        apart(fill_redis, server.address, amount)
        apart(fill_indexes, bench.source.indexes, amount)
        bench.size = sum(bytes_in(folder) for folder in bench.source.folders) / MB
        return bench

    @property
    def source(self) -> Source:
        return Source(self.root / "indexes", self.root / "redis", self.server.address)

    def repeat(self, number: int) -> None:
        """Take every program through all steps, with a new repository."""
        place = self.root / f"run-{number}"
        peers = rivals(place, self.source)
        peers = [*peers[number % len(peers) :], *peers[: number % len(peers)]]
        for peer in peers:
            self._timed(peer, None, peer.init)
        self._backup(peers, 0)
        before = self._sums()
        self._check(peers, 1)
        self._change(number + 1)
        self._backup(peers, 1)
        self._backup(peers, 2)
        self._restart()
        self._backup(peers, _NEWEST)
        self._restore(peers, 0, before)
        self._restore(peers, _NEWEST, self._sums())
        self._check(peers, _BACKUPS)
        self._open(peers)
        shutil.rmtree(place)

    def judged(self) -> list[Row]:
        """Return the rows as the table shows them."""
        shown = list(self.rows.values())
        unchanged = self.rows["folder"]
        shown.insert(
            shown.index(unchanged) + 1,
            beyond(unchanged, self.rows["opening"], "  beyond start and key derivation", _BEYOND_OPENING),
        )
        return shown

    def _backup(self, peers: list[Rival], number: int) -> None:
        for peer in peers:
            before = bytes_in(peer.repository)
            self._timed(peer, f"backup {number}", peer.backup(number))
            after = bytes_in(peer.repository)
            # The first brings what making the repository has written too.
            self._take(f"new {number}", peer, (after - before if number else after) / MB)
            if number == _NEWEST:
                self._take("size", peer, after / MB)

    def _check(self, peers: list[Rival], count: int) -> None:
        for peer in peers:
            self._timed(peer, f"check {count}", peer.check(count))

    def _restore(self, peers: list[Rival], number: int, sums: dict[str, str]) -> None:
        for peer in peers:
            into = self.root / "restored"
            self._timed(peer, f"restore {number}", peer.restore(number, into))
            if _sums(into) != sums:
                raise RuntimeError(f"{peer.name} has not restored what was saved.")
            shutil.rmtree(into)

    def _open(self, peers: list[Rival]) -> None:
        for peer in peers:
            if peer.opening:
                self._timed(peer, "opening", peer.opening)
            if peer.version:
                self._timed(peer, "start", peer.version)
            if peer.folder:
                # Restic compares with an earlier backup of the very same folders alone.
                self._timed(peer, None, peer.folder)
                self._timed(peer, "folder", peer.folder)

    def _change(self, round_: int) -> None:
        apart(change_redis, self.server.address, self.amount, round_)
        apart(change_indexes, self.source.indexes, self.amount, round_)

    def _restart(self) -> None:
        """Start Redis again: it hashes with another seed, and so writes its keys in another order."""
        self.server.kill()
        self.server = self.held.enter_context(started_again(self.server))
        with connect(self.server.address) as client:
            wait_until(lambda: answers(client, self.server.process, self.server.folder), "Redis has loaded")
            rewrite(client)

    def _timed(self, peer: Rival, what: str | None, command: Command) -> None:
        # What the one before has left to write must not be this one's burden.
        os.sync()
        done = measure(command, peer.environ, self.root / "printed")
        if what is not None:
            self._take(what, peer, done.seconds)
            self._take(f"peak {what}", peer, done.peak / MB)

    def _take(self, what: str, peer: Rival, figure: float) -> None:
        if what in self.rows:
            self.rows[what].figures[peer.name].append(figure)

    def _sums(self) -> dict[str, str]:
        return _sums(self.source.indexes)


def _sums(folder: Path) -> dict[str, str]:
    """Return the sums of the indexes anywhere in a folder."""
    found = {}
    for path in folder.rglob("*.index"):
        with path.open("rb") as file:
            found[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


if __name__ == "__main__":
    sys.exit(main())
