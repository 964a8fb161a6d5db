"""`synapse import`: take old hand-made backups in as a restore point."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.ops.backup import RedisCapture, take_backup
from pipelines.ops.capture.documents import CapturedFaiss
from pipelines.ops.capture.legacy import import_faiss, import_redis
from pipelines.ops.cli.backup import as_data, as_text, fail_if_unproven
from pipelines.ops.cli.console import guarded
from pipelines.ops.cli.options import Json
from pipelines.ops.cli.wiring import context
from pipelines.ops.errors import UsageError

_ARCHIVES = (".tar.gz", ".tgz", ".tar")


def import_backups(
    files: Annotated[
        list[Path], typer.Argument(help="One redis-*.aof (or RDB), one faiss-indexes-*.tar.gz, or both.")
    ],
    *,
    as_json: Json = False,
) -> None:
    """Take an old Redis file and an old archive of indexes in as one restore point, and prove it."""
    with guarded(json=as_json) as output:
        old_redis, old_faiss = _sorted(files)
        work = context(output, create=True)

        def redis(spool: Path) -> RedisCapture:
            with work.watch.step(f"Read {old_redis}") as advance:
                return import_redis(old_redis or Path(), spool, progress=advance)

        def faiss(spool: Path) -> CapturedFaiss:
            with work.watch.step(f"Unpack {old_faiss}") as advance:
                return import_faiss(old_faiss or Path(), spool, progress=advance)

        report = take_backup(
            work, redis=redis if old_redis else None, faiss=faiss if old_faiss else None, label="import"
        )
        output.result(as_data(report), as_text(report))
        fail_if_unproven(output, report)


def _sorted(files: list[Path]) -> tuple[Path | None, Path | None]:
    """Tell a Redis file from an archive by its name. Raises UsageError for two of a kind."""
    archives = [path for path in files if path.name.endswith(_ARCHIVES)]
    others = [path for path in files if path not in archives]
    if len(archives) > 1 or len(others) > 1:
        raise UsageError(
            f"{len(others)} Redis files and {len(archives)} archives were named; a point takes one of each.",
            "Import them one after the other.",
        )
    return (others[0] if others else None), (archives[0] if archives else None)
