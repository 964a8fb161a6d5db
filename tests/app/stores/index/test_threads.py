"""Threads of one process search while others add, delete and merge."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

from tests.app.stores.index.examples import document, open_docs, random_document, towards


def test_search_never_meets_an_add(tmp_path: Path) -> None:
    """Searches during adds, deletes and merges find what was acknowledged before them, best first."""
    index = open_docs(tmp_path, merge_at=25, merge_behind=True)
    index.add([document("first", towards(0))])
    done = Event()

    def write() -> None:
        for number in range(120):
            index.add([random_document(f"d{number}")])
            if number % 3 == 2:
                index.delete(f"d{number - 1}")

    def look() -> int:
        asked = 0
        while not done.is_set():
            hits = index.search(towards(0), limit=10)
            assert hits[0].document_id == "first"
            assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
            asked += 1
        return asked

    with ThreadPoolExecutor(4) as threads:
        lookers = [threads.submit(look) for _ in range(3)]
        threads.submit(write).result()
        done.set()
        assert all(looker.result() > 0 for looker in lookers)
    assert index.describe().documents == 81
    assert len(index.search(towards(0), limit=1000)) == 1 + 80 * 3
    index.close()
