"""A backup after little has changed is small, the server started anew or not, and every point comes back."""

import random
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import numpy as np
import redis

from app.domain import EmbeddingModel, NewDocument, Passage
from app.stores.index.faiss_index import FaissDocumentIndex
from pipelines.ops.backup import BackupReport, take_backup
from pipelines.ops.cli.backup import faiss_capture
from pipelines.ops.context import Context
from pipelines.ops.redis.connection import call
from pipelines.ops.restore.flow import restore
from tests.installation import backed_up, work_on
from tests.servers import LiveServer, live_server, started_again
from tests.waiting import wait_until

KEYS = 40_000
DIMENSION = 128
MODEL = EmbeddingModel("test", DIMENSION, normalised=True)


def write(client: redis.Redis, numbers: list[int], seed: int) -> None:
    """Give some keys values that hardly compress."""
    values = random.Random(seed)
    with client.pipeline(transaction=False) as pipeline:
        for number in numbers:
            pipeline.set(f"key:{number}", values.randbytes(100).hex())
        pipeline.execute()


def add(docs: FaissDocumentIndex, name: str, passages: int, seed: int) -> None:
    """Add a document with random vectors."""
    vectors = np.random.default_rng(seed).standard_normal((passages, DIMENSION)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    cut = [Passage(at, at + 1, "x", vector) for at, vector in enumerate(vectors)]
    docs.add([NewDocument(id=name, title=name, text="x" * passages, passages=cut)])
    docs.maybe_merge()


def everything(client: redis.Redis) -> Mapping[bytes, bytes]:
    """Return every key with its value."""
    keys = sorted(call(client, "KEYS", "*"))
    return dict(zip(keys, call(client, "MGET", *keys), strict=True))


def test_one_percent_of_the_keys(live: LiveServer, tmp_path: Path) -> None:
    """After a change of 1 %, and after a start of the server, which orders its keys anew, it is little."""
    work, states, reports = work_on(tmp_path, live), [], []

    def take(client: redis.Redis) -> BackupReport:
        states.append(everything(client))
        reports.append(backed_up(work))
        return reports[-1]

    with closing(FaissDocumentIndex.open(tmp_path / "data", "docs", MODEL, merge_behind=False)) as docs:
        add(docs, "first", 20_000, 1)
        with live.client() as client:
            write(client, list(range(KEYS)), 1)
            first = take(client)
            write(client, random.Random(2).sample(range(KEYS), KEYS // 100), 2)
            second = take(client)
            client.save()
        live.kill()
        with started_again(live) as again:
            wait_until(lambda: _ready(again), "the server is back")
            with again.client() as client:
                third = take(client)
                write(client, random.Random(3).sample(range(KEYS), KEYS // 100), 3)
                fourth = take(client)
    for report in (second, third, fourth):
        assert report.figures.bytes_new < first.figures.bytes_new / 25, reports
    for report, state in zip(reports, states, strict=True):
        with live_server(live.program, tmp_path / report.ref.short) as server:
            target = work_on(tmp_path, server, data=f"data of {report.ref.short}")
            assert restore(target, report.ref.id)
            with server.client() as client:
                assert everything(client) == state


def _ready(server: LiveServer) -> bool:
    try:
        with server.client() as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


def test_documents_that_come(tmp_path: Path) -> None:
    """A collection that grew by 1 % costs little more than that."""
    work = work_on(tmp_path)
    with closing(FaissDocumentIndex.open(tmp_path / "data", "docs", MODEL, merge_behind=False)) as docs:
        add(docs, "first", 20_000, 1)
        first = _of_documents(work)
        add(docs, "second", 200, 2)
        second = _of_documents(work)
    assert second.figures.bytes_new < first.figures.bytes_new / 33


def _of_documents(work: Context) -> BackupReport:
    report = take_backup(work, redis=None, faiss=faiss_capture(work, None))
    assert report.proof
    assert report.proof.good
    return report
