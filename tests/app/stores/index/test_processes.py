"""Several processes share a collection: they agree, and what they acknowledged survives their death."""

import subprocess
import sys
from pathlib import Path

from app.stores.index.snapshot import open_snapshot
from tests.app.stores.index.examples import as_json, epoch_folder, open_docs, random_document, towards

ROOT = Path(__file__).parents[4]


def start(data: Path, name: str, count: int) -> "subprocess.Popen[str]":
    """Start a worker on the collection."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.app.stores.index.child", str(data), name, str(count)],
        cwd=ROOT,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def lines(worker: "subprocess.Popen[str]", count: int) -> list[str]:
    """Read that many lines from a worker."""
    assert worker.stdout is not None
    return [worker.stdout.readline().strip() for _ in range(count)]


def test_four_workers_agree(tmp_path: Path) -> None:
    """Four that start, create, add, delete and merge together give equal answers, as does a later one."""
    workers = [start(tmp_path, f"w{number}", 35) for number in range(4)]
    for worker in workers:
        assert "" not in lines(worker, 35)
    # All writes are done only when each worker has answered once.
    answers: list[str] = []
    for _ in range(2):
        answers.clear()
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.write("ask\n")
            worker.stdin.flush()
            answers += lines(worker, 1)
    for worker in workers:
        worker.communicate()
        assert worker.returncode == 0
    index = open_docs(tmp_path)
    assert {as_json(index.search(towards(0), limit=50))} == set(answers)
    assert (index.describe().documents, index.describe().passages) == (120, 360)
    assert index.generation().sequence == 160
    index.close()
    with open_snapshot(epoch_folder(tmp_path)) as snapshot:
        assert snapshot.problems() == []
        assert snapshot.base_state == "used"


def test_acknowledged_documents_survive_kill_9(tmp_path: Path) -> None:
    """A worker killed while it adds and merges leaves every document that it acknowledged, and no damage."""
    acknowledged: list[str] = []
    for turn in range(3):
        worker = start(tmp_path, f"w{turn}", 100_000)
        acknowledged += lines(worker, 40 + 3 * turn)
        worker.kill()
        acknowledged += worker.communicate()[0].split("\n")[:-1]
    index = open_docs(tmp_path, merge_at=1)
    kept = {document.id: document for document in index.list(limit=100_000)}
    deleted = {name for name in acknowledged if int(name.split("-")[1]) % 7 == 5}
    assert set(acknowledged) - deleted <= set(kept)
    for name in set(acknowledged) & set(kept):
        assert kept[name].text == random_document(name).text
    index.close()
    with open_snapshot(epoch_folder(tmp_path)) as snapshot:
        assert snapshot.problems() == []
