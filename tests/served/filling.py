"""What a drill writes into a stack, and what must be there after the restore.

`python -m tests.served.filling FILE` writes and notes; tests/served/test_filled.py compares with the note.
"""

import json
import sys
from pathlib import Path
from typing import Any

from pipelines.ops.demo.asking import add, ask, document_count, passages, turns
from pipelines.ops.demo.material import QUESTIONS, articles, fill
from tests.served.site import Served, served

SESSION = "drill"


def write(site: Served) -> None:
    """Write every article, a session, and a Redis value of every type."""
    with site.client() as client, site.redis() as redis:
        for article in articles():
            add(client, article)
        for question in QUESTIONS:
            ask(client, question, SESSION)
        fill(redis)


def seen(site: Served) -> dict[str, Any]:
    """Return what a client sees of all that: as JSON would give it back."""
    with site.client() as client, site.redis() as redis:
        found = {
            "documents": document_count(client),
            "passages": passages(client, QUESTIONS),
            "turns": turns(client, SESSION),
            "keys": len([*redis.scan_iter("demo:*", count=1000)]),
        }
    read: dict[str, Any] = json.loads(json.dumps(found))
    return read


def main(path: Path) -> None:
    """Write, and note what is seen."""
    site = served()
    write(site)
    path.write_text(json.dumps(seen(site)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
