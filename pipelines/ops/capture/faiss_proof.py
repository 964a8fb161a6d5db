"""Prove a fetched FAISS source: load all of it, compare its facts, ask its canaries again."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.stores.index.layout import DATABASE
from pipelines.ops.capture.canaries import compare, stored_questions
from pipelines.ops.errors import DamagedError
from pipelines.ops.faiss.limits import Limits
from pipelines.ops.faiss.loading import load_collection, load_file
from pipelines.ops.model import CollectionFacts, FaissSource, IndexFacts

_LIMITS = Limits()
_COLLECTION = ("sequence", "documents", "passages", "model", "normalised")
_INDEX = ("index_type", "dimension", "metric", "count")


@dataclass(frozen=True, slots=True)
class FaissProof:
    """What loading found: no problem means that everything is there and answers as at capture."""

    problems: tuple[str, ...]
    facts: Mapping[str, str | int | float | None]


def prove_faiss(folder: Path, source: FaissSource, *, limits: Limits = _LIMITS) -> FaissProof:
    """Load what `folder` holds of `source`. Raises OpsError when this machine cannot load."""
    paths = frozenset(entry.path for entry in source.files)
    problems: list[str] = []
    for collection in source.collections:
        problems += _collection_problems(folder, collection, paths, limits)
    for index in source.indexes:
        problems += _index_problems(folder, index, paths, limits)
    asked = [*(collection.index for collection in source.collections), *source.indexes]
    facts = {
        "collections": len(source.collections),
        "documents": sum(collection.documents for collection in source.collections),
        "indexes": len(asked),
        "vectors": sum(index.count for index in asked),
        "canaries": sum(len(index.canaries) for index in asked),
    }
    return FaissProof(tuple(problems), facts)


def _collection_problems(
    folder: Path, facts: CollectionFacts, paths: frozenset[str], limits: Limits
) -> Iterator[str]:
    name = f"The collection {facts.name}"
    if f"{facts.name}/{DATABASE}" not in paths:
        yield f"{name} has no {DATABASE} among the files of the point"
        return
    try:
        loaded = load_collection(folder / facts.name, stored_questions(facts.index.canaries), limits=limits)
    except DamagedError as error:
        yield error.what.rstrip(".")
        return
    for said in [
        *loaded.problems,
        *_changes(facts, loaded, _COLLECTION),
        *_changes(facts.index, loaded, _INDEX),
        *compare(facts.index.canaries, loaded.answers),
    ]:
        yield f"{name}: {said}"


def _index_problems(folder: Path, facts: IndexFacts, paths: frozenset[str], limits: Limits) -> Iterator[str]:
    if facts.path not in paths:
        yield f"The index {facts.path} is not among the files of the point"
        return
    try:
        loaded = load_file(
            folder / facts.path, stored_questions(facts.canaries), name=facts.path, limits=limits
        )
    except DamagedError as error:
        yield error.what.rstrip(".")
        return
    except OSError as error:
        yield f"{facts.path} cannot be read ({error.strerror})"
        return
    for said in [*_changes(facts, loaded, _INDEX), *compare(facts.canaries, loaded.answers)]:
        yield f"{facts.path}: {said}"


def _changes(expected: object, found: object, names: Sequence[str]) -> list[str]:
    pairs = [(name, getattr(expected, name), getattr(found, name)) for name in names]
    return [f"{name} is {now} instead of {before}" for name, before, now in pairs if before != now]
