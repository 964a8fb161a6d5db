"""Inside the confined loader: read one FAISS file, describe it and ask it."""

import os
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import faiss

from pipelines.ops.faiss.description import FaissIndex, describe, set_parameters
from pipelines.ops.faiss.questions import answers, choose, rows_of

_BINARY_MARK = b"IB"


def answer_file(request: Mapping[str, Any]) -> dict[str, Any]:
    """Answer a request about the open file `request["file"]`. Raises whatever FAISS raises."""
    index = _read(request["file"])
    set_parameters(index, request["parameters"])
    if request["choose"]:
        rows = choose(index, request["choose"], request["pseudo_random"])
    else:
        rows = rows_of(index, request["vectors"])
    return {**asdict(describe(index)), "answers": answers(index, rows, request["limit"])}


def _read(file: int) -> FaissIndex:
    """Read the index from an open file. Raises ValueError when the file does not end with it."""
    size = os.fstat(file).st_size
    mark = os.pread(file, len(_BINARY_MARK), 0)
    os.lseek(file, 0, os.SEEK_SET)
    reader = faiss.PyCallbackIOReader(lambda wanted: os.read(file, wanted))  # type: ignore[attr-defined]  # not in its stubs
    index = faiss.read_index_binary(reader) if mark == _BINARY_MARK else faiss.read_index(reader)
    rest = size - os.lseek(file, 0, os.SEEK_CUR)
    if rest:
        raise ValueError(f"{rest} bytes follow the index")
    return index
