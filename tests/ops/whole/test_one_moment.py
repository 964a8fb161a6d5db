"""One moment: no Redis entry of a point names a document that is missing from it, and nothing old is lost."""

import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
import redis

from app.stores.index.faiss_index import FaissDocumentIndex
from pipelines.ops.restore.flow import restore
from tests.installation import backed_up, work_on
from tests.ops.capture.examples import document, open_docs
from tests.servers import LiveServer, live_server
from tests.waiting import wait_until

DOCUMENT_FIRST, NAME_FIRST = "document first", "name first"


@pytest.mark.parametrize("count", [3, pytest.param(50, marks=[pytest.mark.soak, pytest.mark.timeout(0)])])
def test_cross_writing(live: LiveServer, tmp_path: Path, count: int) -> None:
    """Under writers in both orders, every point holds both halves of whatever it must."""
    backups: list[tuple[str, set[str]]] = []
    with closing(open_docs(tmp_path / "data", merge_at=50)) as docs, crossing(live, docs) as acknowledged:
        for _ in range(count):
            before = acknowledged()
            backups.append((backed_up(work_on(tmp_path, live)).ref.id, before))
    assert all(later > sooner for (_, sooner), (_, later) in pairwise(backups))
    for point, before in backups:
        with live_server(live.program, tmp_path / "target") as server:
            restore(work_on(tmp_path, server, data="restored"), point)
            assert_one_moment(server, tmp_path / "restored", before)
        shutil.rmtree(tmp_path / "target")
        shutil.rmtree(tmp_path / "restored")


def assert_one_moment(server: LiveServer, data: Path, acknowledged: set[str]) -> None:
    """Compare the names in a restored Redis with the restored documents."""
    with server.client() as client:
        second = {name.decode() for name in client.lrange(DOCUMENT_FIRST, 0, -1)}
        first = {name.decode() for name in client.lrange(NAME_FIRST, 0, -1)}
    with closing(open_docs(data)) as docs:
        there = {found.id for found in docs.list(limit=1_000_000)}
    assert second <= there, "Redis names documents that are missing"
    assert acknowledged <= second | first, "Redis misses names that were acknowledged before the backup"
    assert acknowledged <= there, "documents are missing that were acknowledged before the backup"


@contextmanager
def crossing(server: LiveServer, docs: FaissDocumentIndex) -> Iterator[Callable[[], set[str]]]:
    """Write in both orders, in two threads; tell the documents whose both halves were acknowledged."""
    stop = threading.Event()
    done: dict[str, list[str]] = {DOCUMENT_FIRST: [], NAME_FIRST: []}

    def document_first(client: redis.Redis, name: str) -> None:
        docs.add([document(name)])
        client.rpush(DOCUMENT_FIRST, name)

    def name_first(client: redis.Redis, name: str) -> None:
        client.rpush(NAME_FIRST, name)
        docs.add([document(name)])

    def write(kind: str, one: Callable[[redis.Redis, str], None]) -> None:
        with server.client() as client:
            while not stop.is_set():
                name = f"{kind} {len(done[kind])}"
                one(client, name)
                done[kind].append(name)

    with ThreadPoolExecutor(2) as pool:
        writers = [
            pool.submit(write, DOCUMENT_FIRST, document_first),
            pool.submit(write, NAME_FIRST, name_first),
        ]
        try:
            wait_until(lambda: any(one.done() for one in writers) or all(done.values()), "both have written")
            yield lambda: {name for names in list(done.values()) for name in list(names)}
        finally:
            stop.set()
        for writer in writers:
            writer.result()
