"""A worker of its own process: says each document that was acknowledged, then what it finds when asked.

Run as `python -m tests.app.stores.index.child <data folder> <name> <count>`.
"""

# ruff: noqa: T201  # what it prints is what its test reads

import sys
from pathlib import Path

from tests.app.stores.index.examples import as_json, open_docs, random_document, towards


def work(data: Path, name: str, count: int) -> None:
    """Add documents, delete each seventh, and answer one question for each line on stdin."""
    index = open_docs(data, merge_at=20, merge_behind=True)
    for number in range(count):
        index.add([random_document(f"{name}-{number}")])
        print(f"{name}-{number}", flush=True)
        if number % 7 == 6:
            index.delete(f"{name}-{number - 1}")
    for _ in sys.stdin:
        print(as_json(index.search(towards(0), limit=50)), flush=True)
    index.close()


if __name__ == "__main__":
    work(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
