"""A restore into a running server: nothing is lost, refusals touch nothing, failures roll back."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from app.stores.index.layout import restore_marker
from pipelines.ops.errors import ExitCode, OpsError, RefusedError
from pipelines.ops.redis.digest import differences
from pipelines.ops.restore.flow import restore
from tests.ops.capture.examples import docs_folder, documents, open_docs
from tests.ops.restore.stack import PROGRAMS, Stack, Writer, stack, written
from tests.ports import free_port

FAMILIES = sorted(PROGRAMS)


class _Wrong(BaseHTTPRequestHandler):
    """Serves whatever epoch is in use and cannot search it."""

    pointer: Path

    def do_GET(self) -> None:
        """Tell the epoch in use; questions, which are posted, are not understood."""
        epoch = self.pointer.read_text().strip()
        told = {"signed_in": True, "collections": [{"name": "docs", "epoch": epoch}]}
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


@contextmanager
def wrong_backend(data_dir: Path) -> Iterator[int]:
    """Run a server on loopback; gives its port."""
    handler = type("_WrongHere", (_Wrong,), {"pointer": docs_folder(data_dir).folder / "current"})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def fill(one: Stack, word: str, count: int = 2000) -> None:
    """Put keys and a function into the server."""
    with one.client() as client:
        client.mset({f"{word}:{number}": number for number in range(count)})
        client.function_load(f"#!lua name={word}\nredis.register_function('{word}', function() return 1 end)")


@pytest.mark.parametrize("family", FAMILIES)
def test_both_stores_come_back_under_a_writer(tmp_path: Path, family: str) -> None:
    """The target equals the point plus later writes; what was acknowledged before is in the safety point."""
    with stack(tmp_path, family) as one:
        work = one.work()
        fill(one, "old")
        index = open_docs(work.data_dir)
        index.add(documents("d", 5))
        point = one.backup(work)
        expected = one.digest(work)
        index.add(documents("later", 5))
        fill(one, "later")
        before = one.state()
        with Writer(one) as writer:
            report = restore(work, point)
        assert report is not None
        assert report.safety is not None
        kept = written(one)
        index.close()
        again = open_docs(work.data_dir)
        assert again.describe().documents == 5
        again.close()
        after = one.state()
        assert (after[0], after[2]) == ("master", before[2])
        assert [name for name in after[1] if "synapse_restore" in name] == []
        assert not restore_marker(work.data_dir).exists()
        with one.client() as client:
            for number in kept:
                client.delete(f"written:{number}")
        assert differences(expected, one.digest(work)) == ()
        restore(work, report.safety.id, only="redis")
        assert set(writer.acknowledged) <= kept | written(one)
        assert len(docs_folder(work.data_dir).epochs()) == 1


@pytest.mark.parametrize("family", FAMILIES)
def test_a_target_that_drops_keys_gets_its_old_data_back(tmp_path: Path, family: str) -> None:
    """A point that fits only while writes are paused is refused in the pause: keys would be evicted later."""
    with stack(tmp_path, family, "maxmemory-policy allkeys-lru") as one:
        work = one.work()
        with one.client() as client:
            client.mset({f"old:{number}": bytes(10_000) for number in range(2000)})
        point = one.backup(work)
        with one.client() as client:
            memory = client.info("memory")
            # Enough for the point alone, as a scratch server holds it; not for the backlog beside it.
            limit = int(memory["used_memory"]) - int(memory["mem_replication_backlog"]) + 400_000
            client.flushall()
            client.config_set("maxmemory", limit)
        fill(one, "small", 10)
        expected, before = one.digest(work), one.state()
        with pytest.raises(OpsError, match=r"more than its maxmemory .* The old data is back") as caught:
            restore(work, point)
        # Not that of a refusal, which has touched nothing.
        assert caught.value.code == ExitCode.FAILED
        assert differences(expected, one.digest(work)) == ()
        after = one.state()
        assert (after[0], after[2]) == ("master", before[2])
        assert [name for name in after[1] if "synapse_restore" in name] == []
        assert not restore_marker(work.data_dir).exists()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_wrong_comparison_swaps_the_old_data_back(tmp_path: Path, family: str) -> None:
    """A backend that does not answer rightly is reason enough; see the state of everything afterwards."""
    with stack(tmp_path, family) as one:
        work = one.work()
        index = open_docs(work.data_dir)
        index.add(documents("d", 3))
        fill(one, "old")
        point = one.backup(work)
        index.add(documents("later", 3))
        fill(one, "later")
        expected, before = one.digest(work), one.state()
        with wrong_backend(work.data_dir) as port:
            refused = one.work(API_PORT=str(port), COLLECTION="docs")
            with pytest.raises(OpsError, match="The old data is back"):
                restore(refused, point)
        assert differences(expected, one.digest(work)) == ()
        assert one.state() == before
        assert not restore_marker(work.data_dir).exists()
        again = open_docs(work.data_dir)
        assert again.describe().documents == 6
        again.close()
        index.close()
        assert len(docs_folder(work.data_dir).epochs()) == 1


@pytest.mark.parametrize("setting", ["databases 2", "cluster-enabled yes", "replicaof 127.0.0.1 1"])
def test_refusals_touch_nothing(tmp_path: Path, setting: str) -> None:
    """Too few databases, a cluster node and a replica are refused before anything is done."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with stack(tmp_path / "a", "valkey") as source:
        fill(source, "old", 10)
        with source.client() as client:
            client.execute_command("SELECT", 3)
        with source.client() as client:
            client.execute_command("COPY", "old:1", "other", "DB", 3)
        point = source.backup(source.work())
    # Its own port for the bus: the usual one, 10,000 above, may be above all ports.
    more = (f"cluster-port {free_port()}",) if setting.startswith("cluster") else ()
    with stack(tmp_path / "b", "valkey", setting, *more) as one:
        before = one.state()
        work = one.work(SYNAPSE_REPOSITORY=str(tmp_path / "a" / "backups"))
        with pytest.raises(RefusedError):
            restore(work, point)
        assert one.state() == before
        assert not restore_marker(work.data_dir).exists()
