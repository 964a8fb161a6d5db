"""An installation in a test's folder: a server, a data folder and a repository, as the commands use them."""

import time
from collections.abc import Mapping
from pathlib import Path

from pipelines.ops.backup import BackupReport, take_backup
from pipelines.ops.cli.backup import faiss_capture, redis_capture
from pipelines.ops.context import Context
from pipelines.ops.redis.boot import Scratch
from pipelines.ops.reporting import SilentReporter, Stopwatch
from pipelines.ops.repository import Repository, store_at
from pipelines.ops.settings import OpsSettings, load
from tests.servers import PROGRAMS, LiveServer


def work_on(
    root: Path,
    server: LiveServer | None = None,
    *,
    data: str = "data",
    place: Mapping[str, str] | None = None,
) -> Context:
    """Return what the commands work with; the repository, below `root` or at `place`, is made."""
    environ = {
        "DATA_DIR": str(root / data),
        "SYNAPSE_REPOSITORY": str(root / "repository"),
        "SYNAPSE_SCRATCH_DIR": str(root / "scratch"),
        # Where nobody listens, whatever else runs on this machine.
        "API_PORT": "1",
        "REDIS_PORT": "1",
        **(place or {}),
    }
    if server is not None:
        assert server.address.password
        environ |= {"REDIS_PORT": str(server.address.port), "REDIS_PASSWORD": server.address.password}
    settings = load(environ, env_file=None)
    settings.scratch.mkdir(exist_ok=True)
    return Context(
        settings=settings,
        repository=Repository.open_or_create(store_at(settings.repository)),
        scratch=Scratch(tuple(PROGRAMS.values()), settings.scratch),
        watch=Stopwatch(SilentReporter(), time.perf_counter),
    )


def folder_of(settings: OpsSettings) -> Path:
    """Return the folder of a repository that is in one."""
    assert isinstance(settings.repository, Path)
    return settings.repository


def backed_up(work: Context, *, proven: bool = True) -> BackupReport:
    """Take a point of both stores as `synapse backup` does; a proof that was asked for must be good."""
    report = take_backup(
        work, redis=redis_capture(work, None), faiss=faiss_capture(work, None), proven=proven
    )
    if proven:
        assert report.proof
        assert report.proof.good, report.proof
    return report
