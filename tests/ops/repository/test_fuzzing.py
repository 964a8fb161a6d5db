"""Every stored document, changed in any way, is read as what it says or is an `OpsError`; never a lie.

Under the name that it had, changed bytes are noticed. Under a name that is right for them, as only who may
write to the repository could lay them, they must keep every rule of the format.
"""

import io
import json
import tempfile
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.ops.errors import OpsError
from pipelines.ops.model import FaissSource, FileEntry, Proof, RedisSource, RestorePoint
from pipelines.ops.repository import InMemoryStore, PointRef, Repository
from pipelines.ops.repository.condemned import put_list, put_record, read_lists, read_records
from pipelines.ops.repository.documents import digest
from pipelines.ops.repository.objects import ID, object_key, read_object
from pipelines.ops.repository.paths import clash, path_problem
from pipelines.ops.repository.points import files_of
from pipelines.ops.repository.sealed import id_key
from tests.ops.repository.mutating import CHANGES, EDITS, changed, edited
from tests.passphrases import KINDS, PHRASE, of_kind

NOON = datetime(2026, 7, 8, 12, 0, tzinfo=UTC)
CONTENTS = {"text": b"a line of text\n" * 900, "raw": bytes(range(256)), "below/empty": b""}
LIMIT = 2**30
QUICK = settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
LONG = settings(max_examples=20_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
FOLDERS = ("points/", "proofs/", "condemned/", "prunes/")
kinds = st.sampled_from(KINDS)
folders = st.sampled_from(FOLDERS)


class Laid:
    """A repository with a point and a document of each kind, laid anew from what was stored once."""

    def __init__(self, kind: str | None) -> None:
        self.kind = kind
        self.store = InMemoryStore()
        self.store.values = dict(stored(kind))
        self.repository = self.open()
        (self.ref,) = self.repository.points()
        self.point = self.repository.load(self.ref)

    def open(self) -> Repository:
        """Open it."""
        return Repository.open(self.store, of_kind(self.kind))

    def key(self, folder: str) -> str:
        """Return the key of the one document below a folder."""
        (found,) = (key for key in self.store.values if key.startswith(folder))
        return found

    def forge(self, folder: str, change: Callable[[bytes], bytes]) -> str:
        """Change a document, and lay it under the name that is right for it; return that."""
        key, store = self.key(folder), self.repository.store
        data = change(store.get(key, limit=LIMIT))
        store.delete(key)
        key = f"{key.rpartition('-')[0]}-{digest(data, id_key(store))}.json"
        store.put(key, data)
        return key


@cache
def stored(kind: str | None) -> dict[str, bytes]:
    """Lay one document of each kind."""
    store = InMemoryStore()
    repository = Repository.create(store, passphrase=of_kind(kind))
    files = repository.store_files((name, io.BytesIO(data)) for name, data in CONTENTS.items()).files
    redis = RedisSource(
        way="import", server="redis", version="7", replid=None, offset=3, rdb_version=10,
        loadable_by=("redis 7",), databases=None, files=files[:1],
    )  # fmt: skip  # one line a group
    point = RestorePoint(
        host="h", software={"a": "1"}, started=NOON, finished=NOON, redis=redis,
        faiss=FaissSource(way="folder", files=files),
    )  # fmt: skip  # one line a group
    ref = repository.publish(point)
    repository.add_proof(Proof(point=ref.id, level=3, good=True, started=NOON, seconds=1, software={}))
    listed = put_list(repository.store, NOON, ["0" * 64, "1" * 64])
    put_record(repository.store, "run", NOON, [listed])
    return store.values


def read_all(laid: Laid) -> None:
    """Read everything that is not an object; whatever it is, each reader answers."""
    repository = laid.repository
    for ref in repository.points():
        with suppress(OpsError):
            keeps_the_rules(ref, repository.load(ref))
            assert ref.problem is None
        with suppress(OpsError):
            restore(laid, ref)
    proofs = repository.proofs(laid.ref.id)
    assert all(proof.point == laid.ref.id for proof in proofs)
    repository.standing(laid.ref.id)
    repository.proof_problems(laid.ref.id)
    for listed in read_lists(repository.store):
        assert all(ID.fullmatch(one) for one in listed.objects)
        assert listed.readable or not listed.objects
    for record in read_records(repository.store):
        assert record.lists is None or all(isinstance(one, str) for one in record.lists)
    with suppress(OpsError):
        repository.prune(dry=True)


def keeps_the_rules(ref: PointRef, point: RestorePoint) -> None:
    """Look whether what is read from a manifest can be believed."""
    assert point.started == ref.time
    for source in (point.redis, point.faiss):
        for entry in source.files if source else ():
            assert path_problem(entry.path) is None
            assert all(ID.fullmatch(one) for one in entry.objects)
        assert clash(entry.path for entry in (source.files if source else ())) is None


def restore(laid: Laid, ref: PointRef) -> None:
    """Each file that is restored is one that was saved, with its sum, and lies inside."""
    for name, entry in files_of(laid.repository.load(ref)):
        with tempfile.TemporaryDirectory() as folder, suppress(OpsError):
            out = Path(folder) / "out"
            laid.repository.restore_files([entry], out)
            (found,) = (path for path in Path(folder).rglob("*") if path.is_file())
            assert found == out / entry.path, name
            assert found.read_bytes() in CONTENTS.values()


@QUICK
@given(kinds, folders, EDITS)
def test_changed_bytes_under_their_old_name(kind: str | None, folder: str, edits: Any) -> None:
    """Nothing that was changed is taken for what its name says."""
    laid = Laid(kind)
    key = laid.key(folder)
    before = laid.store.values[key]
    laid.store.values[key] = edited(before, edits)
    read_all(laid)
    if laid.store.values[key] == before:
        return
    repository = laid.repository
    assert (folder == "points/") == bool(repository.points()[0].problem)
    assert (folder == "proofs/") == (repository.proofs(laid.ref.id) == [])
    assert (folder == "condemned/") != next(read_lists(repository.store)).readable
    assert (folder == "prunes/") == (next(read_records(repository.store)).lists is None)


@QUICK
@given(kinds, folders, EDITS)
def test_changed_bytes_under_a_right_name(kind: str | None, folder: str, edits: Any) -> None:
    """As laid by who may write; sealed where the repository is encrypted."""
    laid = Laid(kind)
    laid.forge(folder, lambda data: edited(data, edits))
    read_all(laid)


@settings(QUICK, max_examples=200)
@given(kinds, folders, CHANGES)
def test_changed_values_under_a_right_name(kind: str | None, folder: str, changes: Any) -> None:
    """The same, still JSON: the rules of each field are met one by one."""
    laid = Laid(kind)
    laid.forge(folder, lambda data: changed(data, changes))
    read_all(laid)


@QUICK
@given(kinds, st.one_of(EDITS, CHANGES))
def test_a_changed_config(kind: str | None, changes: Any) -> None:
    """It is refused, or what is there is read the same."""
    laid = Laid(kind)
    data = laid.store.values["config"]
    form: Any = changed if len(changes[0]) == 3 else edited
    laid.store.values["config"] = form(data, changes)
    with suppress(OpsError):
        repository = laid.open()
        assert repository.load(repository.points()[0]) == laid.point
        assert repository.check_bytes(laid.point) == []


@QUICK
@given(st.one_of(EDITS, CHANGES))
def test_a_changed_key_file(changes: Any) -> None:
    """Under its right name too: it opens what it opened, or nothing."""
    laid = Laid(PHRASE)
    key = laid.key("keys/")
    form: Any = changed if len(changes[0]) == 3 else edited
    data = form(laid.store.values.pop(key), changes)
    laid.store.values[f"keys/{digest(data)}"] = data
    with suppress(OpsError):
        repository = laid.open()
        assert repository.load(repository.points()[0]) == laid.point


@QUICK
@given(kinds, st.integers(0, 1), EDITS)
def test_a_changed_object(kind: str | None, number: int, edits: Any) -> None:
    """It is damage, or the very bytes: a compressed frame can say one thing in two ways."""
    laid = Laid(kind)
    entry = entries(laid.point)[number]
    (identity,) = entry.objects
    key = object_key(identity)
    laid.store.values[key] = edited(laid.store.values[key], edits)
    try:
        chunk = read_object(laid.repository.store, identity)
    except OpsError as error:
        assert identity in error.what  # noqa: PT017  # both ends are right
    else:
        assert chunk == CONTENTS[entry.path]


def entries(point: RestorePoint) -> tuple[FileEntry, ...]:
    """Return the files of the documents."""
    assert point.faiss is not None
    return point.faiss.files


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("test", "given_as"),
    [
        (test_changed_bytes_under_their_old_name, (kinds, folders, EDITS)),
        (test_changed_bytes_under_a_right_name, (kinds, folders, EDITS)),
        (test_changed_values_under_a_right_name, (kinds, folders, CHANGES)),
        (test_a_changed_config, (kinds, st.one_of(EDITS, CHANGES))),
        (test_a_changed_key_file, (st.one_of(EDITS, CHANGES),)),
        (test_a_changed_object, (kinds, st.integers(0, 1), EDITS)),
    ],
)
def test_for_long(test: Any, given_as: tuple[Any, ...]) -> None:
    """Each of them with other examples in every run."""
    drawn: Any = given(*given_as)
    LONG(drawn(test.hypothesis.inner_test))()


def test_a_real_document_of_each_kind_is_read() -> None:
    """What is changed above is right as it was laid."""
    for kind in KINDS:
        laid = Laid(kind)
        read_all(laid)
        assert laid.ref.problem is None
        assert len(laid.repository.proofs(laid.ref.id)) == 1
        assert [one.readable for one in read_lists(laid.repository.store)] == [True]
        assert [one.lists is not None for one in read_records(laid.repository.store)] == [True]
        assert json.loads(laid.store.values["config"])["format"] == (2 if kind else 1)
