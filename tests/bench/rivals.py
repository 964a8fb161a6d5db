"""The programs that are measured side by side, and the command of each for each thing that is done.

Synapse, restic and borg encrypt under a passphrase from a file; `tar | zstd` is the floor: it deduplicates,
encrypts and remembers nothing. Each has its caches in a folder of its own.
"""

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.stores.memory.address import RedisAddress
from tests.bench.measure import SYNAPSE

NEEDED = ("restic", "borg", "tar", "zstd")
_PASSPHRASE = "six words at random for this"
Command = Sequence[str | Path]


@dataclass(frozen=True, slots=True)
class Source:
    """What is saved: the folder of the indexes, the data folder of a Redis, and the Redis itself."""

    indexes: Path
    redis: Path
    address: RedisAddress

    @property
    def folders(self) -> list[Path]:
        """What a program saves that knows of files alone."""
        return [self.indexes, self.redis / "appendonlydir"]


@dataclass(frozen=True, slots=True)
class Rival:
    """A program with a repository of its own; its backups are numbered from 0."""

    name: str
    repository: Path
    environ: Mapping[str, str]
    init: Command
    backup: Callable[[int], Command]
    restore: Callable[[int, Path], Command]
    check: Callable[[int], Command]
    """Reads every byte of the repository, which has so many backups."""
    opening: Command | None = None
    """Starts it, derives the key, lists what is there."""
    version: Command | None = None
    folder: Command | None = None
    """Saves the folder of the indexes alone."""


def missing() -> list[str]:
    """Return the programs that are not here."""
    return [name for name in NEEDED if shutil.which(name) is None]


def rivals(root: Path, source: Source) -> list[Rival]:
    """Return them all, with repositories below `root` that are not made yet."""
    root.mkdir()
    phrase = root / "passphrase"
    phrase.write_text(_PASSPHRASE)
    phrase.chmod(0o600)
    return [make(root, phrase, source) for make in (_synapse, _restic, _borg, _tar)]


def _synapse(root: Path, phrase: Path, source: Source) -> Rival:
    environ = {
        "DATA_DIR": f"{root / 'none'}",
        "SYNAPSE_REPOSITORY": f"{root / 'synapse'}",
        "SYNAPSE_SCRATCH_DIR": f"{root}",
        "SYNAPSE_PASSPHRASE_FILE": f"{phrase}",
        "REDIS_PORT": f"{source.address.port}",
        "REDIS_PASSWORD": source.address.password or "",
    }
    return Rival(
        "synapse",
        root / "synapse",
        os.environ | environ,
        init=[SYNAPSE, "init", "--encrypt"],
        backup=lambda _number: [SYNAPSE, "backup", "--no-verify", "--faiss-folder", source.indexes],
        restore=lambda number, into: [SYNAPSE, "restore", _nth(root / "synapse", number), "--into", into],
        check=lambda _count: [SYNAPSE, "verify", "--all", "--level", "2"],
        opening=[SYNAPSE, "points", "list"],
        version=[SYNAPSE, "--version"],
        folder=[SYNAPSE, "backup", "--no-verify", "--only", "faiss", "--faiss-folder", source.indexes],
    )


def _nth(repository: Path, number: int) -> str:
    """Return the id of the point of that number."""
    return sorted((repository / "points").iterdir())[number].stem.rpartition("-")[2]


def _restic(root: Path, phrase: Path, source: Source) -> Rival:
    environ = {
        "RESTIC_REPOSITORY": f"{root / 'restic'}",
        "RESTIC_PASSWORD_FILE": f"{phrase}",
        "RESTIC_CACHE_DIR": f"{root / 'restic-cache'}",
    }

    return Rival(
        "restic",
        root / "restic",
        os.environ | environ,
        init=["restic", "init"],
        backup=lambda number: ["restic", "backup", "--quiet", "--tag", f"n{number}", *source.folders],
        restore=lambda number, into: ["restic", "restore", "latest", "--tag", f"n{number}", "--target", into],
        check=lambda _count: ["restic", "check", "--read-data"],
        opening=["restic", "snapshots"],
        version=["restic", "version"],
        folder=["restic", "backup", "--quiet", source.indexes],
    )


def _borg(root: Path, phrase: Path, source: Source) -> Rival:
    place = root / "borg"
    environ = {"BORG_BASE_DIR": f"{root / 'borg-base'}", "BORG_PASSCOMMAND": f"cat {phrase}"}
    return Rival(
        "borg",
        place,
        os.environ | environ,
        init=["borg", "init", "--encryption", "repokey-blake2", place],
        backup=lambda number: [
            *("borg", "create", "--compression", "zstd,3", f"{place}::n{number}"),
            *source.folders,
        ],
        restore=lambda number, into: [
            "bash",
            "-c",
            f"mkdir {into} && cd {into} && borg extract {place}::n{number}",
        ],
        check=lambda _count: ["borg", "check", "--verify-data", place],
        opening=["borg", "list", place],
        version=["borg", "--version"],
        folder=[
            "borg",
            "create",
            "--compression",
            "zstd,3",
            f"{place}::folder-{{now:%H%M%S%f}}",
            source.indexes,
        ],
    )


def _tar(root: Path, _phrase: Path, source: Source) -> Rival:
    place = root / "tar"
    folders = " ".join(map(str, source.folders))

    def archive(number: int) -> Path:
        return place / f"n{number}.tar.zst"

    def backup(number: int) -> Command:
        return [
            "bash",
            "-c",
            f"tar cP {folders} | zstd -q -3 -T2 -o {archive(number)} && sync {archive(number)}",
        ]

    return Rival(
        "tar | zstd",
        place,
        os.environ,
        init=["mkdir", place],
        backup=backup,
        restore=lambda number, into: [
            "bash",
            "-c",
            f"mkdir {into} && zstd -qdc {archive(number)} | tar x -C {into}",
        ],
        check=lambda count: ["zstd", "-q", "-t", *(archive(one) for one in range(count))],
    )
