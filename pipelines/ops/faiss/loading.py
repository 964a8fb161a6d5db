"""Load what may be damaged in a confined child, say what it is and ask it. The caller cannot be harmed."""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from pipelines.ops.confine import hand_over
from pipelines.ops.errors import DamagedError
from pipelines.ops.faiss.limits import Limits
from pipelines.ops.faiss.process import run_loader

PARAMETERS = {"nprobe": 16, "efSearch": 64}
"""Search parameters of every question; part of the format, as other ones give other answers."""


@dataclass(frozen=True, slots=True)
class Questions:
    """What to ask: stored vectors (base64), or `choose` new ones of which `pseudo_random` are not its own."""

    vectors: tuple[str, ...] = ()
    choose: int = 0
    pseudo_random: int = 0
    limit: int = 1


class _Answered(BaseModel):
    """What the child says is believed only in this shape."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Answer(_Answered):
    """The hits of one question, best first; `vector` is base64 as in the manifest."""

    vector: str
    ids: tuple[int, ...]
    scores: tuple[float, ...]


class LoadedIndex(_Answered):
    """What a FAISS file holds, and its answers."""

    index_type: str
    dimension: int
    metric: str
    count: int
    answers: tuple[Answer, ...]


class LoadedCollection(LoadedIndex):
    """What a captured collection holds, what is wrong with it, and its answers."""

    sequence: int
    documents: int
    passages: int
    model: str
    normalised: bool
    problems: tuple[str, ...]


_Loaded = TypeVar("_Loaded", bound=LoadedIndex)
_NOTHING = Questions()
_LIMITS = Limits()


def load_file(
    file: Path, questions: Questions = _NOTHING, *, name: str | None = None, limits: Limits = _LIMITS
) -> LoadedIndex:
    """Load a FAISS file, describe it and ask it. Raises DamagedError; `name` is what it calls the file."""
    name = name or str(file)
    with file.open("rb") as opened:
        number = opened.fileno()
        request = {**asdict(questions), "file": number, "parameters": PARAMETERS}
        size = os.fstat(number).st_size
        answer = run_loader(request, name=name, size=size, limits=limits, files=(number,))
    return _believed(LoadedIndex, answer, name)


def load_collection(
    folder: Path, questions: Questions = _NOTHING, *, name: str | None = None, limits: Limits = _LIMITS
) -> LoadedCollection:
    """Open the copy of a collection in `folder`, look it through and ask it. Raises DamagedError.

    As root, the folder is given to the user that the child runs as.
    """
    name = name or f"The collection {folder.name}"
    if not folder.is_dir():
        raise DamagedError(f"{name} is not there ({folder}).", "Use another restore point.")
    hand_over(folder)
    size = sum(path.stat().st_size for path in folder.iterdir())
    answer = run_loader(asdict(questions), name=name, size=size, limits=limits, folder=folder)
    return _believed(LoadedCollection, answer, name)


def _believed(kind: type[_Loaded], answer: Mapping[str, Any], name: str) -> _Loaded:
    try:
        return kind.model_validate(answer)
    except ValidationError as error:
        raise DamagedError(
            f"{name} cannot be loaded: its loader answered nonsense.",
            "Restore or rebuild it from a restore point that is proven.",
        ) from error
