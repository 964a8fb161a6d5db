"""`synapse backup`: take a restore point and prove it."""

from pathlib import Path
from typing import Annotated

import typer

from app.stores.index.layout import indexes_root
from pipelines.ops.backup import BackupReport, CaptureFaiss, CaptureRedis, RedisCapture, take_backup
from pipelines.ops.capture.aof_folder import capture_aof_folder
from pipelines.ops.capture.documents import CapturedFaiss, capture_collections
from pipelines.ops.capture.faiss_folder import capture_faiss_folder, find_none
from pipelines.ops.capture.redis_keys import capture_keys
from pipelines.ops.capture.redis_wire import capture_redis
from pipelines.ops.cli.console import Output, guarded
from pipelines.ops.cli.here import memory_of
from pipelines.ops.cli.options import Json, Only, Source
from pipelines.ops.cli.wiring import context, stack_context
from pipelines.ops.cli.words import counted_keys, seconds, size
from pipelines.ops.context import Context
from pipelines.ops.errors import DamagedError, UsageError
from pipelines.ops.known_files import KnownFiles
from pipelines.ops.one_backup import one_backup

AofFolder = Annotated[
    Path | None,
    typer.Option("--aof-folder", help="Save Redis from the files of its data folder, in use or not."),
]
ByKeys = Annotated[
    bool,
    typer.Option("--by-keys", help="Save a Redis that refuses replication key by key: not of one moment."),
]
FaissFolder = Annotated[
    Path | None,
    typer.Option(
        "--faiss-folder", help="Save this folder of *.index and *.faiss files instead of documents."
    ),
]


def backup(
    only: Only = None,
    *,
    aof_folder: AofFolder = None,
    by_keys: ByKeys = False,
    faiss_folder: FaissFolder = None,
    reread: Annotated[
        bool,
        typer.Option(
            "--reread", help="Read files of that folder too whose times say that nothing was written to them."
        ),
    ] = False,
    verify: Annotated[bool, typer.Option(help="Boot and query the new point.")] = True,
    as_json: Json = False,
) -> None:
    """Take a restore point of Redis and the documents while both are in use, and prove it."""
    with guarded(json=as_json) as output:
        if by_keys and aof_folder is not None:
            raise UsageError("--by-keys and --aof-folder are two ways to save Redis.", "Leave one out.")
        files = aof_folder is not None or faiss_folder is not None
        work = (context if files else stack_context)(output, create=True)
        redis, faiss = only is not Source.FAISS, only is not Source.REDIS
        ours = {Source.REDIS: redis and aof_folder is None, Source.FAISS: faiss and faiss_folder is None}
        with one_backup(work.data_dir, [one for one, is_ours in ours.items() if is_ours], work.watch.note):
            report = take_backup(
                work,
                redis=redis_capture(work, aof_folder, by_keys=by_keys) if redis else None,
                faiss=faiss_capture(work, faiss_folder, reread=reread) if faiss else None,
                proven=verify,
            )
        memory_of(work.settings, work.repository).look(work.now())
        output.result(as_data(report), as_text(report))
        fail_if_unproven(output, report)


def redis_capture(work: Context, aof_folder: Path | None, *, by_keys: bool = False) -> CaptureRedis:
    """Capture the stack's Redis over the wire or key by key, or an AOF folder from its files."""

    def capture(spool: Path) -> RedisCapture:
        with work.watch.step("Copy Redis") as advance:
            if aof_folder is not None:
                return capture_aof_folder(aof_folder, spool, progress=advance)
            if by_keys:
                return capture_keys(work.settings.redis, spool, progress=advance)
            return capture_redis(work.settings.redis, spool, progress=advance)

    return capture


def faiss_capture(work: Context, folder: Path | None, *, reread: bool = False) -> CaptureFaiss:
    """Capture the stack's collections, or a folder of FAISS files of another program.

    `reread` reads files of the folder too that were not written to since the last backup.
    """
    find = find_none if reread else KnownFiles(work.repository, work.host).find

    def capture(spool: Path) -> CapturedFaiss | None:
        with work.watch.step("Snapshot the documents and indexes") as advance:
            if folder is not None:
                return capture_faiss_folder(folder, spool, find=find, progress=advance)
            return capture_collections(indexes_root(work.data_dir), spool, progress=advance)

    return capture


def as_data(report: BackupReport) -> dict[str, object]:
    """Describe a backup for programs."""
    return {
        "point": report.ref.id,
        "label": report.point.label,
        "started": report.point.started.isoformat(),
        "finished": report.point.finished.isoformat(),
        "sources": list(report.ref.sources),
        "size": report.ref.size,
        "bytes_new": report.figures.bytes_new,
        "objects_new": report.figures.objects_new,
        "objects_reused": report.figures.objects_reused,
        "proof": report.proof.model_dump(mode="json") if report.proof else None,
        "steps": {timing.step: timing.seconds for timing in report.timings},
    }


def as_text(report: BackupReport) -> str:
    """Describe a backup for people."""
    lines = [
        f"Restore point {report.ref.short}: {size(report.ref.size)}, {size(report.figures.bytes_new)} new."
    ]
    if report.point.redis:
        keys = counted_keys(report.point, [report.proof] if report.proof else [])
        lines.append(f"Redis: {keys} of {report.point.redis.server} {report.point.redis.version}.")
        lines += [f"Note: {note}." for note in report.point.redis.notes]
    if report.point.faiss:
        documents = sum(facts.documents for facts in report.point.faiss.collections)
        lines.append(f"Documents: {documents} in {len(report.point.faiss.collections)} collections.")
    if report.proof is None:
        lines.append("Unproven: `synapse verify` boots and queries it.")
    elif report.proof.good:
        lines.append(f"Proven: booted and queried in {seconds(report.proof.seconds)}.")
    return "\n".join(lines)


def fail_if_unproven(output: Output, report: BackupReport) -> None:
    """Say what is wrong with a new point that failed its proof. Raises DamagedError."""
    if report.proof is None or report.proof.good:
        return
    problems = [*report.proof.problems, *(text for one in report.proof.sources for text in one.problems)]
    for problem in problems:
        output.errors.print(f"  {problem}", markup=False, highlight=False)
    raise DamagedError(
        f"The new restore point {report.ref.short} failed its proof: {problems[0]}.",
        "Do not rely on it; run `synapse repair`, and then the backup again.",
    )
