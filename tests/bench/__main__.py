"""Benchmark backup, verify and restore against `tar | zstd -3` and `cp` + `sha256sum` of the same bytes.

First 500 MB, for the time that a proven restore of them takes; then the wanted amount, and twice as much.

usage: python -m tests.bench [--keys 1000000] [--passages 300000]
"""

import argparse
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from pipelines.ops.redis.programs import installed_programs
from pipelines.ops.redis.scratch import ScratchServer
from tests.bench.measure import MB, SYNAPSE, Measured, apart, bytes_in, measure
from tests.bench.sources import fill_collection, fill_keys
from tests.bench.waits import WriteWaits

_WIDTH = 130


@dataclass(frozen=True, slots=True)
class Amount:
    """So many small keys, and so many passages with a vector of 256 numbers each."""

    keys: int
    passages: int


_HALF_GIGABYTE = Amount(keys=660_000, passages=198_000)
"""500 MB of files: the amount for which the time to restore is stated."""


def main() -> None:
    """Fill, measure, print ratios; then double the data and measure memory again."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--passages", type=int, default=300_000)
    given = parser.parse_args()
    wanted = Amount(given.keys, given.passages)
    say = Console(width=_WIDTH)
    _measured(say, [_HALF_GIGABYTE])
    once, twice = _measured(say, [wanted, wanted])
    say.print(_memory(once, twice))


def _measured(say: Console, steps: Sequence[Amount]) -> list[dict[str, Measured]]:
    """Measure every command on one installation after each step of its growth."""
    done = []
    with tempfile.TemporaryDirectory(prefix="synapse-bench-") as name, _source(Path(name)) as server:
        root = Path(name)
        environ = _environ(root, server)
        before = Amount(0, 0)
        for number, step in enumerate(steps):
            _grow(say, root, server, before, step)
            before = Amount(before.keys + step.keys, before.passages + step.passages)
            done.append(_run(say, server, root, environ, f"run-{number}"))
            say.print(_table(root, done[-1]))
    return done


@contextmanager
def _source(root: Path) -> Iterator[ScratchServer]:
    program = installed_programs()[-1]
    with ScratchServer(program, root / "source", reachable="127.0.0.1") as server:
        yield server


def _environ(root: Path, server: ScratchServer) -> dict[str, str]:
    return {
        **os.environ,
        "DATA_DIR": str(root / "data"),
        "SYNAPSE_REPOSITORY": str(root / "repository"),
        "SYNAPSE_SCRATCH_DIR": str(root),
        "REDIS_PORT": str(server.port),
        "REDIS_PASSWORD": server.password,
        "API_PORT": "1",
    }


def _grow(say: Console, root: Path, server: ScratchServer, before: Amount, more: Amount) -> None:
    say.print(f"Adding {more.keys} keys and {more.passages} passages ...")
    apart(fill_keys, server.port, server.password, before.keys, more.keys)
    apart(fill_collection, root / "data", before.passages, more.passages)


def _run(
    say: Console, server: ScratchServer, root: Path, environ: dict[str, str], run: str
) -> dict[str, Measured]:
    """Measure each command once, in an order in which the page cache is warm for all of them."""
    plain = root / f"plain-{run}"
    log = root / "printed"
    done = {
        "backup": measure([SYNAPSE, "backup", "--no-verify", "--json"], environ, log),
        "backup again": measure([SYNAPSE, "backup", "--no-verify", "--json"], environ, log),
        "verify": measure([SYNAPSE, "verify", "--json"], environ, log),
        "verify level 2": measure([SYNAPSE, "verify", "--level", "2", "--json"], environ, log),
        "restore into the running stack": _restored(say, server, environ, log),
        "restore into a folder": measure([SYNAPSE, "restore", "--into", plain, "--json"], environ, log),
    }
    script = f"tar c -C {plain} . | zstd -q -3 -T2 -o {plain}.tar.zst && sync {plain}.tar.zst"
    copied = f"{plain}-copy"
    copy = f"cp -r {plain} {copied} && sync -f {copied} && find {copied} -type f -exec sha256sum {{}} +"
    done["tar | zstd -3 -T2"] = measure(["bash", "-c", script], environ, log)
    done["cp + sha256sum"] = measure(["bash", "-c", copy], environ, log)
    return done


def _restored(say: Console, server: ScratchServer, environ: dict[str, str], log: Path) -> Measured:
    with WriteWaits(server.port, server.password) as waits:
        done = measure([SYNAPSE, "restore", "--yes", "--json"], environ, log)
    say.print(
        f"During the restore a client had no write acknowledged for {waits.longest_s:.2f} s at the longest."
    )
    return done


def _table(root: Path, done: dict[str, Measured]) -> Table:
    plain = _newest_plain(root)
    size = bytes_in(plain)
    table = Table(title=f"{size / MB:.0f} MB of files", box=None, title_justify="left")
    for title in ("what", "seconds", "MB/s", "of tar | zstd", "of cp + sha256sum", "peak MB", "own MB"):
        table.add_column(title, justify="left" if title == "what" else "right")
    for what, one in done.items():
        table.add_row(
            what,
            f"{one.seconds:.2f}",
            f"{size / MB / one.seconds:.0f}",
            f"{one.seconds / done['tar | zstd -3 -T2'].seconds:.2f}",
            f"{one.seconds / done['cp + sha256sum'].seconds:.2f}",
            f"{one.peak / MB:.0f}",
            f"{one.own / MB:.0f}",
        )
    for what in ("backup", "verify", "restore into the running stack"):
        steps = json.loads(done[what].printed).get("steps", {})
        for step, seconds in steps.items():
            table.add_row(f"  {what}: {step}", f"{seconds:.2f}")
    return table


def _memory(once: dict[str, Measured], twice: dict[str, Measured]) -> Table:
    table = Table(title="Peak memory when the data is doubled", box=None, title_justify="left")
    for title in ("what", "MB", "doubled MB", "ratio", "own MB", "doubled own MB", "ratio"):
        table.add_column(title, justify="left" if title == "what" else "right")
    for what, one in once.items():
        two = twice[what]
        pairs = ((one.peak, two.peak), (one.own, two.own))
        cells = ((f"{a / MB:.0f}", f"{b / MB:.0f}", f"{b / max(a, 1):.2f}") for a, b in pairs)
        table.add_row(what, *(cell for three in cells for cell in three))
    return table


def _newest_plain(root: Path) -> Path:
    found = [path for path in root.glob("plain-*") if path.is_dir() and not path.name.endswith("-copy")]
    return max(found, key=lambda path: path.stat().st_mtime)


if __name__ == "__main__":
    main()
