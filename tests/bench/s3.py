"""Measure a repository on S3 over loopback, and with a delay before each request, as a far store has.

A folder of FAISS indexes of clustered unit vectors (seed stated) is backed up (`--no-verify`), again
unchanged, hashed (`verify --level 2`) and restored into a folder: by the real command, through one proxy with
and without the delay. Rounds are interleaved, each in a repository of its own; medians. The goal: the delay
takes at most a fifth of the throughput.

usage: python -m tests.bench.s3 [--megabytes 500] [--delay 0.05] [--rounds 3]
"""

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import faiss
import numpy as np
from rich.console import Console
from rich.table import Table

from tests.bench.measure import MB, SYNAPSE, apart, measure
from tests.s3.delayed import delayed
from tests.s3.versitygw import S3Server, s3_environ, s3_server

_WIDTH = 130
_SEED = 20261201
_DIMENSION = 256
_CLUSTERS = 100
_FILE_MB = 100
_LEAST = 0.8
"""Of the throughput without the delay."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a command: wall seconds, peak memory in bytes, requests that it sent."""

    seconds: float
    peak: int
    requests: int


def main() -> None:
    """Make the data, measure each round with and without the delay, print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.s3", description=__doc__)
    parser.add_argument("--megabytes", type=int, default=500)
    parser.add_argument("--delay", type=float, default=0.05)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="synapse-bench-s3-") as name,
        s3_server(Path(name) / "s3") as server,
    ):
        root = Path(name)
        size = apart(_lay_indexes, root / "indexes", given.megabytes)
        rounds: dict[float, list[dict[str, Run]]] = {0.0: [], given.delay: []}
        for number in range(given.rounds):
            for delay, done in rounds.items():
                done.append(_round(server, root, f"{number}-{delay}", delay))
        near, far = rounds.values()
        Console(width=_WIDTH).print(table(size, given.delay, near, far))


def table(
    size: int, delay: float, near: Sequence[Mapping[str, Run]], far: Sequence[Mapping[str, Run]]
) -> Table:
    """Return medians of seconds, with MB/s and how much of the throughput is left with the delay."""
    title = f"{size / MB:.0f} MB on S3, {len(near)} rounds; with {delay * 1000:.0f} ms before each request"
    shown = Table(title=title, box=None, title_justify="left")
    columns = ("what", "s", "MB/s", "delayed s", "MB/s", "of it", f"goal {_LEAST:g}", "requests", "peak MB")
    for column in columns:
        shown.add_column(column, justify="left" if column == "what" else "right")
    for what in near[0]:
        without, with_it = (median(one[what].seconds for one in runs) for runs in (near, far))
        left = without / with_it
        shown.add_row(
            what,
            f"{without:.2f}",
            f"{size / MB / without:.0f}",
            f"{with_it:.2f}",
            f"{size / MB / with_it:.0f}",
            f"{left:.2f}",
            "met" if left >= _LEAST else "NOT MET",
            f"{max(one[what].requests for one in far)}",
            f"{max(one[what].peak for one in (*near, *far)) / MB:.0f}",
        )
    return shown


def _lay_indexes(folder: Path, megabytes: int) -> int:
    """Write Flat indexes of 100 MB each; return the bytes of all."""
    random = np.random.default_rng(_SEED)
    centres = random.standard_normal((_CLUSTERS, _DIMENSION))
    folder.mkdir()
    for number in range(max(1, megabytes // _FILE_MB)):
        count = min(megabytes, _FILE_MB) * 1_000_000 // (4 * _DIMENSION)
        near = centres[random.integers(0, _CLUSTERS, count)]
        vectors = (near + random.standard_normal((count, _DIMENSION))).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        index = faiss.IndexFlatIP(_DIMENSION)
        index.add(vectors)
        faiss.write_index(index, str(folder / f"{number}.index"))
    return sum(path.stat().st_size for path in folder.iterdir())


def _round(server: S3Server, root: Path, name: str, delay: float) -> dict[str, Run]:
    backup = ["backup", "--only", "faiss", "--faiss-folder", str(root / "indexes"), "--no-verify"]
    commands = {
        "backup": backup,
        "backup again": backup,
        "verify level 2": ["verify", "latest", "--level", "2"],
        "restore": ["restore", "latest", "--into", str(root / f"restored-{name}")],
    }
    (root / f"data-{name}").mkdir()
    done = {}
    with delayed(server.endpoint, delay) as way:
        more = {
            "SYNAPSE_REPOSITORY": f"{server.environ(f'r{name}')['SYNAPSE_REPOSITORY']}",
            "AWS_ENDPOINT_URL_S3": way.address,
            "DATA_DIR": str(root / f"data-{name}"),
            "SYNAPSE_SCRATCH_DIR": str(root),
        }
        for what, command in commands.items():
            before = way.requests
            one = measure([SYNAPSE, *command, "--json"], s3_environ(server, more), root / "printed")
            done[what] = Run(one.seconds, one.peak, way.requests - before)
    return done


if __name__ == "__main__":
    main()
