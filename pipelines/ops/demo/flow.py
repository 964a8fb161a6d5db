"""The demo's flow: what an operator would do; the backup and the restore are the real commands."""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import redis

from pipelines.ops.backend import backend_client
from pipelines.ops.context import Context
from pipelines.ops.demo import asking, material
from pipelines.ops.demo.place import DemoPlace
from pipelines.ops.demo.writing import BusyWriters
from pipelines.ops.errors import OpsError
from pipelines.ops.localstack import LocalStack
from pipelines.ops.model import RedisDigest
from pipelines.ops.proof.live import live_digest
from pipelines.ops.proof.proving import known_digest
from pipelines.ops.redis.connection import connect, talking_to
from pipelines.ops.redis.digest import differences

SESSION = "demo"


@dataclass(slots=True)
class DemoReport:
    """What the demo saw; `problems` is empty when every key and every answer came back."""

    place: DemoPlace
    saved: dict[str, Any] = field(default_factory=dict)
    restored: dict[str, Any] = field(default_factory=dict)
    keys: int = 0
    documents: int = 0
    busy_keys: int = 0
    busy_documents: int = 0
    answers: list[asking.Asked] = field(default_factory=list)
    before: RedisDigest | None = None
    after: RedisDigest | None = None
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Memory:
    """What was seen before the loss and must be seen again."""

    passages: dict[str, list[tuple[str, str]]]
    turns: list[tuple[str, str]]
    keys: int
    documents: int


def run(work: Context, place: DemoPlace, environ: Mapping[str, str]) -> DemoReport:
    """Fill, save under load, destroy, restore, prove. Raises OpsError when a step itself fails."""
    report = DemoReport(place)
    with LocalStack(work.settings, environ, work.watch) as stack:
        with_login = replace(work, settings=stack.settings)
        memory = _fill(with_login, report)
        _back_up_under_load(with_login, report, environ)
        with work.watch.step("Destroy both: kill -9 Redis and the backend, remove the data folder"):
            stack.kill_redis()
            stack.kill_backend()
            shutil.rmtree(place.data)
    with work.watch.step("Restore with one command: synapse restore latest --yes"):
        report.restored = _synapse(environ, "restore", "latest", "--yes", "--json")
    with LocalStack(work.settings, environ, work.watch) as stack:
        _compare(replace(work, settings=stack.settings), report, memory)
    return report


def _fill(work: Context, report: DemoReport) -> _Memory:
    articles = list(material.articles())
    with _backend(work) as backend:
        with work.watch.step("Ingest real articles", total=len(articles), unit="articles") as advance:
            for article in articles:
                asking.add(backend, article)
                advance(1)
        with work.watch.step("Ask questions and keep a session"):
            for one in material.QUESTIONS:
                asking.ask(backend, one, SESSION)
            report.answers = [asking.ask(backend, one, None) for one in material.QUESTIONS]
        with work.watch.step("Fill Redis with every type of value"), _redis(work) as client:
            report.keys = material.fill(client)
        report.documents = asking.document_count(backend)
        return _Memory(
            passages=asking.passages(backend, material.QUESTIONS),
            turns=asking.turns(backend, SESSION),
            keys=report.keys,
            documents=report.documents,
        )


def _back_up_under_load(work: Context, report: DemoReport, environ: Mapping[str, str]) -> None:
    with (
        _redis(work) as client,
        _backend(work) as backend,
        BusyWriters(client, backend) as writers,
        work.watch.step("Back up while both are being written to: synapse backup"),
    ):
        report.saved = _synapse(environ, "backup", "--json")
    report.busy_keys, report.busy_documents = writers.keys, len(writers.documents)
    report.before = known_digest(work, report.saved["point"])
    if report.before is None:
        raise OpsError("The backup kept no digest.", "See what `synapse points show latest` says.")


def _compare(work: Context, report: DemoReport, memory: _Memory) -> None:
    """Hold the restored stack against what was saved and what was seen before."""
    report.after = live_digest(
        work, work.settings.redis, reading="Read every key back from Redis", comparing="Digest every key"
    )
    if report.before is not None:
        report.problems += differences(report.before, report.after)
    with work.watch.step("Ask everything again"), _backend(work) as backend:
        if asking.passages(backend, material.QUESTIONS) != memory.passages:
            report.problems.append("searches find other passages than before")
        if asking.turns(backend, SESSION) != memory.turns:
            report.problems.append("the session does not hold the same questions and answers")
        if asking.document_count(backend) < memory.documents:
            report.problems.append("documents are missing")
        for one in report.answers:
            if asking.ask(backend, one.question, None) != one:
                report.problems.append(f"{one.question!r} is answered otherwise than before")


def _synapse(environ: Mapping[str, str], *arguments: str) -> dict[str, Any]:
    """Run a `synapse` command as an operator would, and return what it prints as JSON."""
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.ops.cli", *arguments],
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise OpsError(
            f"synapse {' '.join(arguments)} ended with code {done.returncode}:"
            f" {' '.join(done.stderr.split()[-60:])}",
            "The demo's folder is kept for you to look into.",
        )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _backend(work: Context) -> httpx.Client:
    return backend_client(work.settings, seconds=30.0)


def _redis(work: Context) -> redis.Redis:
    with talking_to(work.settings.redis):
        return connect(work.settings.redis)
