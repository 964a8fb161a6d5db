"""`--only` restores one store and leaves the other as it is, running and stopped."""

from pathlib import Path

import pytest

from pipelines.ops.redis.digest import differences
from pipelines.ops.restore.flow import restore
from tests.ops.capture.examples import docs_folder, documents, open_docs
from tests.ops.restore.stack import Stack, stack
from tests.ports import free_port


def _documents(data_dir: Path) -> int:
    index = open_docs(data_dir)
    count = index.describe().documents
    index.close()
    return count


def _prepared(one: Stack) -> str:
    """Take a point of five documents and the key `old`, then add to both stores."""
    work = one.work()
    index = open_docs(work.data_dir)
    index.add(documents("d", 5))
    with one.client() as client:
        client.set("old", 1)
    point = one.backup(work)
    index.add(documents("later", 3))
    index.close()
    with one.client() as client:
        client.set("later", 1)
    return point


def _keys(one: Stack) -> list[bytes]:
    with one.client() as client:
        return sorted(client.keys())


@pytest.mark.parametrize("only", ["redis", "faiss"])
def test_only_one_store_of_a_running_stack(tmp_path: Path, only: str) -> None:
    """The other store is not even switched; the safety point holds what was replaced and no more."""
    with stack(tmp_path, "redis") as one:
        work, point = one.work(), _prepared(one)
        epoch = docs_folder(work.data_dir).read_pointer()
        digest = one.digest(work)
        report = restore(work, point, only=only)
        assert report
        assert report.safety
        kept = work.repository.load(report.safety)
        assert (kept.redis is None, kept.faiss is None) == (only == "faiss", only == "redis")
        if only == "redis":
            assert docs_folder(work.data_dir).read_pointer() == epoch
            assert _keys(one) == [b"old"]
        else:
            assert differences(digest, one.digest(work)) == ()
            assert _keys(one) == [b"later", b"old"]
        assert _documents(work.data_dir) == (8 if only == "redis" else 5)
        restore(work, report.safety.id)
        assert (_keys(one), _documents(work.data_dir)) == ([b"later", b"old"], 8)


@pytest.mark.parametrize("only", ["redis", "faiss"])
def test_only_one_store_of_a_stopped_stack(tmp_path: Path, only: str) -> None:
    """As above: the folder of the other one keeps every byte."""
    with stack(tmp_path, "redis") as one:
        point = _prepared(one)
    work = one.work(REDIS_PORT=str(free_port()))
    folder = work.settings.redis_folder
    folder.mkdir()
    (folder / "mine").write_text("the old data of a stopped server")
    epoch = docs_folder(work.data_dir).read_pointer()
    report = restore(work, point, only=only)
    assert report
    if only == "redis":
        assert docs_folder(work.data_dir).read_pointer() == epoch
        assert (folder / "appendonlydir").is_dir()
        assert report.replaced
        assert (report.replaced / "mine").is_file()
    else:
        assert [path.name for path in folder.iterdir()] == ["mine"]
        assert report.replaced is None
    assert _documents(work.data_dir) == (8 if only == "redis" else 5)
