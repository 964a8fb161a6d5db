"""Stored documents (config, manifest, proof) as canonical JSON, and back with every check."""

import json
from typing import TypeVar

import pydantic_core
from blake3 import blake3
from pydantic import BaseModel, ValidationError

from pipelines.ops.errors import DamagedError, OpsError, RefusedError, UsageError
from pipelines.ops.model import FORMAT

DocumentT = TypeVar("DocumentT", bound=BaseModel)


def to_bytes(document: BaseModel) -> bytes:
    """Return the canonical bytes: UTF-8 JSON, sorted names, no spaces; else `UsageError`."""
    try:
        text = json.dumps(
            document.model_dump(mode="json"),
            sort_keys=True,
            separators=(",", ":"),
            ensure_ascii=False,
            allow_nan=False,
        )
        data = text.encode()
        same = type(document).model_validate_json(data) == document
    except ValueError as error:
        raise UsageError(
            f"A {type(document).__name__} cannot be written: {error}.", "Correct its values."
        ) from error
    if not same:
        raise UsageError(
            f"A {type(document).__name__} would not be read back as it is written.", "Correct its values."
        )
    return data


def from_bytes(kind: type[DocumentT], data: bytes, name: str, *, known: int = FORMAT) -> DocumentT:
    """Return the document in `data`; `DamagedError` when it is none, `RefusedError` when it is newer.

    `known` is the highest format of its kind.
    """
    try:
        return kind.model_validate_json(data)
    except ValidationError as error:
        raise _reason(data, name, error, known) from error


def digest(data: bytes, key: bytes | None = None) -> str:
    """Return the BLAKE3 hash of some bytes as 64 hexadecimal digits, keyed where there is a key."""
    return (blake3(data) if key is None else blake3(data, key=key)).hexdigest()


def _reason(data: bytes, name: str, error: ValidationError, known: int) -> OpsError:
    try:
        said = pydantic_core.from_json(data)
    except ValueError:
        return DamagedError(f"{name} is not JSON.", "It is damaged: take it from a copy of the repository.")
    form = said.get("format") if isinstance(said, dict) else None
    if isinstance(form, int) and form > known:
        return RefusedError(
            f"{name} is in format {form}; this Synapse knows formats up to {known}.", "Use a newer Synapse."
        )
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(map(str, first["loc"])) or "the whole"
    return DamagedError(
        f"{name} is not what it should be: {where}: {first['msg']}.",
        "It is damaged: take it from a copy of the repository.",
    )
