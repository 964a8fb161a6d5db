"""Nothing is let into a target before its new data is on its disk and a running backend answers from it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from app.stores.index.layout import CollectionFolder, indexes_root
from pipelines.ops.errors import OpsError
from pipelines.ops.redis.digest import differences
from pipelines.ops.restore.flow import restore
from pipelines.ops.restore.pause import WritePause
from pipelines.ops.restore.swap import keep
from tests.ops.capture.examples import documents, open_docs
from tests.ops.restore.stack import PROGRAMS, Stack, stack

KEYS = 2000
DELAY_US = 500


@pytest.mark.parametrize("family", sorted(PROGRAMS))
def test_the_rewrite_of_the_aof_is_waited_for(tmp_path: Path, family: str) -> None:
    """Until then a kill of the target would bring the old data back: a slow rewrite is waited out."""
    with stack(tmp_path, family, f"rdb-key-save-delay {DELAY_US}") as one, one.client() as client:
        client.mset({f"key:{number}": number for number in range(KEYS)})
        client.bgrewriteaof()
        rewrites = client.info("persistence")["aof_rewrites"]
        with WritePause(one.work().settings.redis) as pause:
            keep(client, pause)
        info = client.info("persistence")
        assert (info["aof_rewrite_in_progress"], info["aof_rewrite_scheduled"]) == (0, 0)
        assert info["aof_last_bgrewrite_status"] == "ok"
        assert info["aof_rewrites"] >= rewrites


class _Backend(BaseHTTPRequestHandler):
    """Serves the epoch that the pointer names, and answers each search with other scores than it should."""

    data: ClassVar[Path]
    asked: ClassVar[list[str]]

    def do_GET(self) -> None:
        """Answer /health and /api/login."""
        epoch = CollectionFolder(indexes_root(self.data), "docs").read_pointer()
        collections = [{"name": "docs", "epoch": epoch}]
        self._answer({"state": "ok", "dependencies": [], "signed_in": True, "collections": collections})

    def do_POST(self) -> None:
        """Answer /api/search."""
        self.asked.append(self.path)
        wanted = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["limit"]
        self._answer({"hits": [{"score": -5.0}] * wanted})

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""

    def _answer(self, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def wrong_backend(data: Path) -> Iterator[int]:
    """Run that backend on a port of its own."""
    _Backend.data, _Backend.asked = data, []
    with ThreadingHTTPServer(("127.0.0.1", 0), _Backend) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield int(server.server_address[1])
        finally:
            server.shutdown()
            thread.join()
    assert _Backend.asked, "no canary was asked"


def test_a_backend_that_answers_otherwise(tmp_path: Path) -> None:
    """Its canaries have other scores than the point's: both stores are put back, with the reason."""
    with stack(tmp_path, "redis") as one:
        point = _prepared(one)
        expected = one.digest(one.work())
        with wrong_backend(one.root / "data") as port:
            work = one.work(API_PORT=str(port), COLLECTION="docs")
            with pytest.raises(OpsError, match=r"canary 1 with other scores.*The old data is back") as caught:
                restore(work, point)
        assert caught.value.hint
        assert differences(expected, one.digest(one.work())) == ()
        index = open_docs(one.root / "data")
        assert index.describe().documents == 8
        index.close()


def _prepared(one: Stack) -> str:
    """Take a point of five documents, then add to both stores."""
    work = one.work()
    index = open_docs(work.data_dir)
    index.add(documents("d", 5))
    point = one.backup(work)
    index.add(documents("later", 3))
    index.close()
    with one.client() as client:
        client.set("later", 1)
    return point
