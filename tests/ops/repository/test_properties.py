"""For any tree of files restore undoes store, and for any bytes readers fail in sentences only."""

import io
import json
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pipelines.ops.errors import OpsError
from pipelines.ops.model import FileEntry
from pipelines.ops.repository import InMemoryStore, Repository
from pipelines.ops.repository.chunking import FastCdc
from pipelines.ops.repository.config import ChunkerConfig, RepositoryConfig
from pipelines.ops.repository.documents import digest
from pipelines.ops.repository.objects import MAX_OBJECT, identify, object_key
from pipelines.ops.repository.paths import clash, path_problem
from tests.passphrases import KINDS, of_kind

PARTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1, max_size=12)
PATHS = st.lists(PARTS, min_size=1, max_size=3).map("/".join).filter(lambda path: path_problem(path) is None)
CONTENTS = st.one_of(
    st.binary(max_size=300),
    st.just(b""),
    st.builds(lambda unit, times: unit * times, st.binary(min_size=1, max_size=5), st.integers(0, 40_000)),
)
TREES = st.dictionaries(PATHS, CONTENTS, max_size=8).filter(lambda tree: clash(tree) is None)
# Small chunks, so that small examples have several.
SMALL = ChunkerConfig(minimum=64, average=256, maximum=1024)
QUICK = settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)


@QUICK
@given(TREES, st.sampled_from(KINDS))
def test_store_and_restore_are_the_identity(tree: dict[str, bytes], kind: str | None) -> None:
    """Empty files, duplicates and odd names included, plain and encrypted; checks find nothing wrong."""
    made = Repository.create(InMemoryStore(), passphrase=of_kind(kind))
    repository = replace(made, config=made.config.model_copy(update={"chunker": SMALL}))
    files = repository.store_files((path, io.BytesIO(data)) for path, data in tree.items()).files
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        repository.restore_files(files, out)
        found = {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert found == tree


@QUICK
@given(st.binary(max_size=20_000), st.integers(0, 2**63 - 1))
def test_chunks_joined_are_the_stream(data: bytes, seed: int) -> None:
    """Whatever the seed, no chunk is empty or over the maximum, and none is lost."""
    chunks = list(FastCdc(SMALL.model_copy(update={"seed": seed})).cut(io.BytesIO(data)))
    assert b"".join(chunks) == data
    assert all(0 < len(chunk) <= SMALL.maximum for chunk in chunks)


@QUICK
@given(
    st.one_of(
        st.binary(max_size=200),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3)
            ),
        ).map(lambda value: json.dumps(value).encode()),
    )
)
@example(b"[" * 100_000)
@example(b'{"a":' * 100_000)
@example(b'{"format":' + b"9" * 5000 + b"}")
@example(b'{"format": true}')
@example("\ufeff{}".encode())
@example(b'"\\ud800"')
def test_any_bytes_are_a_sentence(data: bytes) -> None:
    """Random bytes as config, manifest, proof or object end in an `OpsError`, even under their right hash."""
    store = InMemoryStore()
    store.put("config", data)
    with pytest.raises(OpsError):
        Repository.open(store)
    repository = Repository(store, RepositoryConfig(id="00000000-0000-4000-8000-000000000000"))
    name = f"20260708T120000.000000Z-{digest(data)}.json"
    store.put("points/" + name, data)
    (ref,) = repository.points()
    assert ref.problem
    with pytest.raises(OpsError):
        repository.load(ref)
    store.put(f"proofs/{ref.id}/{name}", data)
    assert repository.proofs(ref.id) == []
    assert len(repository.proof_problems(ref.id)) == 1


@QUICK
@given(
    st.sampled_from([b"", b"R", b"Z", b"Z\x28\xb5\x2f\xfd", b"P\x28\xb5\x2f\xfd", b"?"]),
    st.binary(max_size=100),
)
def test_any_object_is_a_sentence(head: bytes, tail: bytes) -> None:
    """An object of random bytes under a name that is not theirs is a problem, named with its file."""
    store = InMemoryStore()
    repository = Repository.create(store)
    identity = identify(b"not these bytes, whatever they are: " + head + tail)
    store.put(object_key(identity), head + tail)
    entry = FileEntry(path="file", size=1, sha256="0" * 64, objects=(identity,))
    with tempfile.TemporaryDirectory() as folder, pytest.raises(OpsError, match="file") as caught:
        repository.restore_files([entry], Path(folder))
    assert identity in caught.value.what
    assert len(head + tail) < MAX_OBJECT


@QUICK
@given(st.text(max_size=30))
def test_any_name_resolves_or_is_a_sentence(name: str) -> None:
    """Whatever a person types, the answer is a point or an `OpsError`."""
    store = InMemoryStore()
    repository = Repository.create(store)
    store.put("points/20260708T120000.000000Z-" + "ab" * 32 + ".json", b"")
    with suppress(OpsError):
        assert repository.resolve(name).id == "ab" * 32
