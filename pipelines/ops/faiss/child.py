"""The confined process that loads what may be damaged: a request as JSON on stdin, an answer on stdout.

Run as `python -m pipelines.ops.faiss.child`. The first line of the answer says that it started well; so a
failure after it is the file's, and one before it is the machine's.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

import faiss

from pipelines.ops.faiss.asked_collection import answer_collection
from pipelines.ops.faiss.asked_file import answer_file
from pipelines.ops.faiss.confinement import confine

_LONGEST = 300


def main() -> None:
    """Answer one request."""
    request = json.load(sys.stdin)
    # FAISS prints warnings to stdout; only the answer may be there.
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(2, 1)
        faiss.omp_set_num_threads(1)
        faiss.set_deserialization_vector_byte_limit(request["memory"])
        folder = confine(
            memory=request["memory"],
            cpu_seconds=request["cpu_seconds"],
            folder=Path(request["folder"]) if request["folder"] else None,
            parent=request["parent"],
        )
        print("started", file=out, flush=True)
        json.dump(_answer(request, folder), out)


def _answer(request: dict[str, Any], folder: Path | None) -> dict[str, Any]:
    try:
        return answer_collection(request, folder) if folder else answer_file(request)
    except Exception as error:  # noqa: BLE001  # whatever a bad file makes FAISS or SQLite raise is the answer
        return {"problem": _sentence(error)}


def _sentence(error: Exception) -> str:
    """Shorten what FAISS says: its message holds the place in its source before the reason."""
    text = " ".join(str(error).split()).rpartition("Error: ")[2]
    return (text or type(error).__name__)[:_LONGEST].rstrip(".")


if __name__ == "__main__":
    main()
