"""A file that hardly changed is stored as what it differs in, and every point of it stays whole."""

import io
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from random import Random
from threading import Event

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.ops.errors import OpsError
from pipelines.ops.model import FaissSource, FileEntry, format_of
from pipelines.ops.repairing import carry_out, find
from pipelines.ops.reporting import SilentReporter
from pipelines.ops.repository import InMemoryStore, ObjectStore, Repository, deltas, differences
from pipelines.ops.repository.checking import check_bytes
from pipelines.ops.repository.copying import Present, copy_point
from pipelines.ops.repository.objects import (
    anchors_of,
    delta_name,
    has_anchors,
    identify,
    identity_of,
    object_key,
    read_object,
)
from pipelines.ops.repository.sealed import below, seen_alike
from tests.ops.repository.chains import Chain, changed, records, restored
from tests.ops.repository.keeping import DAY, Kept
from tests.ops.repository.test_properties import SMALL
from tests.passphrases import KINDS, of_kind


@pytest.fixture
def chain(repository: Repository) -> Chain:
    """Begin one, plain and encrypted."""
    return Chain(repository)


def test_little_is_stored_when_little_changed(chain: Chain) -> None:
    """One percent of the records costs about that much, where every chunk is another one."""
    lines = records(1)
    _, first = chain.add(b"".join(lines))
    entry, second = chain.add(b"".join(changed(lines, 2)))
    assert all(map(has_anchors, entry.objects))
    assert second.bytes_new < first.bytes_new / 40
    assert chain.last
    assert chain.last.format == 2
    chain.check()


def test_nothing_is_stored_when_nothing_changed(chain: Chain) -> None:
    """Differences are found again, as whole chunks are."""
    lines = changed(records(1), 2)
    chain.add(b"".join(records(1)))
    second, _ = chain.add(b"".join(lines))
    third, figures = chain.add(b"".join(lines))
    assert (third, figures.bytes_new, figures.objects_new) == (second, 0, 0)
    chain.check()


def test_records_that_come_and_go(chain: Chain) -> None:
    """What was added or removed at the start moves all the rest, and costs no more than itself."""
    lines = records(1)
    _, first = chain.add(b"".join(lines))
    moved = changed(records(7, 600) + lines[5:20_000] + lines[20_050:], 3)
    _, second = chain.add(b"".join(moved))
    assert second.bytes_new < first.bytes_new / 10
    chain.check()


def test_no_chain_grows(chain: Chain) -> None:
    """After many backups an object needs objects that stand alone, and a new anchor is laid when it pays."""
    lines = records(1)
    chain.add(b"".join(lines))
    sizes = []
    for number in range(8):
        lines = changed(lines, 10 + number, 0.05)
        entry, figures = chain.add(b"".join(lines))
        sizes.append(figures.bytes_new)
        for anchor in entry.anchors:
            packed = chain.repository.store.get(object_key(anchor), limit=10**7)
            assert packed[:1] in (b"R", b"Z", b"P")
    assert max(sizes) > 3 * sizes[0]
    assert any(after < before / 3 for before, after in pairwise(sizes))
    chain.check()


def test_what_does_not_resemble_anything_stands_alone(chain: Chain) -> None:
    """Other bytes under the same name: no anchors."""
    chain.add(Random(1).randbytes(3_000_000))
    entry, _ = chain.add(Random(2).randbytes(3_000_000))
    assert not entry.anchors
    assert chain.last
    assert chain.last.format == 1
    chain.check()


def test_the_same_chunk_many_times(chain: Chain) -> None:
    """A file that repeats itself names one object again and again."""
    lines = records(1, 100_000)  # so many that each key cuts it in some places
    chain.add(b"".join(lines) * 2)
    entry, _ = chain.add(b"".join(changed(lines, 5)) * 2)
    assert len(set(entry.objects)) < len(entry.objects)
    chain.check()


def test_a_far_store_is_not_asked_for_anchors(repository: Repository) -> None:
    """Where reading costs as much as writing, chunks are stored whole."""
    chain = Chain(repository)
    stored = below(repository.store)
    assert isinstance(stored, InMemoryStore)
    stored.near = False
    chain.add(b"".join(records(1)))
    entry, _ = chain.add(b"".join(changed(records(1), 2)))
    assert not entry.anchors


@pytest.fixture
def far(repository: Repository, tmp_path: Path) -> Chain:
    """Begin a chain in a store that is far, with a cache."""
    stored = below(repository.store)
    assert isinstance(stored, InMemoryStore)
    stored.near = False
    return Chain(repository.with_cache(tmp_path / "cache"))


def cached(far: Chain) -> set[str]:
    """Return the names of what is in the cache."""
    assert far.repository.cache
    return {one for stored in far.repository.cache.near.list() if (one := identity_of(stored.key))}


def test_a_far_store_is_compared_with_its_cache(far: Chain) -> None:
    """What was stored is near too, so that little is stored; no anchor is fetched."""
    lines = records(1)
    _, first = far.add(b"".join(lines))
    fetched = counted(far.repository.store)
    for number in range(2):
        lines = changed(lines, number)
        entry, figures = far.add(b"".join(lines))
        assert figures.bytes_new < first.bytes_new / 25
    assert entry.anchors
    assert not fetched & {object_key(one) for one in entry.anchors}
    far.check()


def counted(store: ObjectStore) -> set[str]:
    """Return a set to which every key is added that is read from now on."""
    stored, keys = below(store), set()
    get = stored.get

    def noted(key: str, *, limit: int) -> bytes:
        keys.add(key)
        return get(key, limit=limit)

    stored.get = noted  # type: ignore[method-assign]  # only here
    return keys


def test_a_cache_may_be_lost_or_rot(far: Chain) -> None:
    """Then chunks are stored whole, and the cache fills again; nothing else comes of it."""
    lines = records(1)
    far.add(b"".join(lines))
    assert far.repository.cache
    near = far.repository.cache.near
    for name in cached(far):
        spoil(near, object_key(name))
    lines = changed(lines, 2)
    entry, _ = far.add(b"".join(lines))
    assert not entry.anchors
    assert set(entry.objects) <= cached(far)
    for name in cached(far):
        near.delete(object_key(name))
    unchanged, figures = far.add(b"".join(lines))
    assert (unchanged, figures.bytes_new) == (entry, 0)
    assert cached(far) == set(entry.objects)
    entry, figures = far.add(b"".join(changed(lines, 3)))
    assert entry.anchors
    far.check()


def test_two_containers_share_a_cache(far: Chain, tmp_path: Path) -> None:
    """What one removes while the other compares with it is stored whole, and every point is whole."""
    other = far.repository.with_cache(tmp_path / "cache").cache
    assert other
    ended = Event()

    def trim() -> int:
        rounds = 0
        while not ended.is_set():
            other.trim([])
            rounds += 1
        return rounds

    lines = records(1)
    with ThreadPoolExecutor(1) as pool:
        trimmed = pool.submit(trim)
        try:
            for number in range(4):
                lines = changed(lines, number)
                far.add(b"".join(lines))
        finally:
            ended.set()
        assert trimmed.result() > 1
    far.check()


def test_a_cache_keeps_what_the_last_points_need(far: Chain) -> None:
    """And no more than that."""
    far.add(Random(1).randbytes(3_000_000))
    entry, _ = far.add(Random(2).randbytes(3_000_000))
    assert far.repository.cache
    assert far.last
    assert cached(far) > set(entry.objects)
    far.repository.cache.trim([far.last])
    assert cached(far) == set(entry.objects)


def test_a_cache_that_cannot_be_written_hinders_nothing(repository: Repository, tmp_path: Path) -> None:
    """A file lies where its folder would be."""
    (tmp_path / "cache").write_text("")
    stored = below(repository.store)
    assert isinstance(stored, InMemoryStore)
    stored.near = False
    chain = Chain(repository.with_cache(tmp_path / "cache"))
    chain.add(b"".join(records(1)))
    chain.add(b"".join(changed(records(1), 2)))
    chain.check()


def spoil(store: ObjectStore, key: str) -> None:
    """Turn a byte round in the middle of what is stored."""
    stored = below(store)
    data = bytearray(stored.get(key, limit=10**7))
    data[len(data) // 2] ^= 1
    stored.put(key, bytes(data), replace=True)


def test_a_damaged_anchor_is_named_and_not_used_again(chain: Chain) -> None:
    """Both points that need it are red, each with its reason; the next backup stands without it."""
    lines = records(1)
    chain.add(b"".join(lines))
    entry, _ = chain.add(b"".join(changed(lines, 2)))
    anchor = entry.anchors[0]
    spoil(chain.repository.store, object_key(anchor))
    first, second = (chain.repository.load(ref) for ref in chain.contents)
    assert [problem for problem in check_bytes(chain.repository.store, first) if anchor in problem]
    (problem,) = check_bytes(chain.repository.store, second)
    assert f"needs object {anchor}, which" in problem
    data = b"".join(changed(changed(lines, 2), 3))
    third, _ = chain.add(data)
    assert anchor not in third.anchors
    assert chain.last
    assert restored(chain.repository, chain.last) == data


def test_a_missing_anchor_makes_no_object_plausible(chain: Chain) -> None:
    """An unchanged chunk whose anchor has gone is stored whole."""
    lines = records(1)
    chain.add(b"".join(lines))
    data = b"".join(changed(lines, 2))
    entry, _ = chain.add(data)
    for anchor in entry.anchors:
        chain.repository.store.delete(object_key(anchor))
    third, _ = chain.add(data)
    assert not third.anchors
    assert chain.last
    assert restored(chain.repository, chain.last) == data


def test_a_prune_keeps_anchors_as_long_as_they_are_needed() -> None:
    """The point that brought them may be forgotten long before; what it alone needed goes."""
    kept = Kept()
    chain = Chain(kept.repository)
    lines = records(1)
    chain.add(b"".join(lines) + Random(9).randbytes(6_000_000))
    chain.add(b"".join(changed(lines, 2)))
    first, second = chain.contents
    both = len(kept.objects())
    kept.repository.forget(first)
    del chain.contents[first]
    pruned(kept)
    assert len(kept.objects()) < both
    chain.check()
    kept.repository.forget(second)
    pruned(kept)
    assert kept.objects() == set()


def pruned(kept: Kept) -> None:
    """Let time pass, and prune in both passes."""
    for _ in range(2):
        kept.clock.wait(2 * DAY)
        kept.repository.prune()


def test_a_copy_has_the_same_objects(chain: Chain) -> None:
    """Where ids are the same, the differences are copied as they are, with their anchors."""
    lines = records(1)
    chain.add(b"".join(lines))
    chain.add(b"".join(changed(lines, 2)))
    source = chain.repository
    target = Repository(_emptied(source.store), source.config)
    assert chain.last
    made = copy_point(source, target, chain.last, Present(target.store), lambda _: None)
    assert made.ref.id == list(chain.contents)[1].id
    assert restored(target, target.load(made.ref)) == b"".join(changed(lines, 2))


def test_a_copy_with_other_ids_stands_alone(chain: Chain) -> None:
    """Files are stored anew there: whole, and so is what the manifest says of them."""
    lines = records(1)
    chain.add(b"".join(lines))
    chain.add(b"".join(changed(lines, 2)))
    target = Repository.create(InMemoryStore(), passphrase=of_kind(KINDS[1]))
    assert chain.last
    made = copy_point(chain.repository, target, chain.last, Present(target.store), lambda _: None)
    point = target.load(made.ref)
    assert point.format == 1
    assert restored(target, point) == b"".join(changed(lines, 2))


def _emptied(store: ObjectStore) -> ObjectStore:
    """Return another store in memory, with the config and the keys of this one alone."""
    source, empty = below(store), InMemoryStore()
    for stored in source.list():
        if stored.key == "config" or stored.key.startswith("keys/"):
            empty.put(stored.key, source.get(stored.key, limit=stored.size))
    return seen_alike(store, empty)


BASE = b"an anchor " * 2000


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.sampled_from([b"", b"D", b"D\x00", b"D\x05", b"D\x01" + bytes(32), b"Z"]),
    st.binary(max_size=200),
)
def test_any_bytes_under_such_a_name_are_a_sentence(head: bytes, tail: bytes) -> None:
    """Whatever lies there, nothing is unpacked that is not right."""
    store = InMemoryStore()
    name = delta_name(identify(b"plain"), [identify(BASE)])
    store.put(object_key(name), head + tail)
    with pytest.raises(OpsError, match=name):
        read_object(store, name)


def test_differences_from_other_anchors_are_not_taken() -> None:
    """Whoever lays another's differences under a name is found out before they are unpacked."""
    store = InMemoryStore()
    chunk, other = BASE + b"changed", b"another anchor " * 2000
    for anchor in (BASE, other):
        store.put(object_key(identify(anchor)), b"R" + anchor)
    name = delta_name(identify(chunk), [identify(BASE)])
    store.put(object_key(name), deltas.pack(chunk, [(identify(other), other)]))
    with pytest.raises(OpsError, match="names other anchors"):
        read_object(store, name)
    store.put(object_key(name), deltas.pack(chunk, [(identify(BASE), BASE)]), replace=True)
    assert read_object(store, name) == chunk


def test_a_bomb_is_not_unpacked() -> None:
    """A chunk over the greatest is refused, however small it was packed."""
    store = InMemoryStore()
    store.put(object_key(identify(BASE)), b"R" + BASE)
    bomb = bytes(64 * 1024 * 1024)
    name = delta_name(identify(bomb), [identify(BASE)])
    store.put(object_key(name), deltas.pack(bomb, [(identify(BASE), BASE)]))
    with pytest.raises(OpsError, match="cannot be unpacked"):
        read_object(store, name)


def test_a_manifest_must_name_the_anchors(chain: Chain) -> None:
    """One that lacks them would let a prune take them: it can be neither published nor used."""
    chain.add(b"".join(records(1)))
    entry, _ = chain.add(b"".join(changed(records(1), 2)))
    assert chain.last
    for files in (
        (entry.model_copy(update={"anchors": ()}),),
        (entry.model_copy(update={"anchors": ("x",)}),),
    ):
        source = FaissSource(way="folder", files=files)
        point = chain.last.model_copy(update={"faiss": source, "format": format_of(files)})
        with pytest.raises(OpsError, match=r"anchors|cannot exist"):
            chain.repository.publish(point)


def test_repair_leaves_what_lacks_only_its_anchor(chain: Chain) -> None:
    """The rotten anchor is removed and named; what differs from it stays, for the anchor may come back."""
    lines = records(1)
    chain.add(b"".join(lines))
    entry, _ = chain.add(b"".join(changed(lines, 2)))
    anchor = entry.anchors[0]
    right = below(chain.repository.store).get(object_key(anchor), limit=10**7)
    spoil(chain.repository.store, object_key(anchor))
    for quick in (False, True):
        found = find(chain.repository, other=None, quick=quick, reporter=SilentReporter())
        assert {one.identity for one in found.removable} == (set() if quick else {anchor})
        assert len(found.broken) == (0 if quick else 2)
    found = find(chain.repository, other=None, quick=False, reporter=SilentReporter())
    done = carry_out(
        chain.repository, found, other=None, forget=False, quick=False, reporter=SilentReporter()
    )
    assert done.removed == {anchor}
    below(chain.repository.store).put(object_key(anchor), right)
    chain.check()


def test_repair_takes_an_anchor_from_a_copy(chain: Chain) -> None:
    """And then everything is whole, the differences too."""
    lines = records(1)
    chain.add(b"".join(lines))
    entry, _ = chain.add(b"".join(changed(lines, 2)))
    stored = below(chain.repository.store)
    assert isinstance(stored, InMemoryStore)
    copied = InMemoryStore()
    copied.values = dict(stored.values)
    other = replace(chain.repository, store=seen_alike(chain.repository.store, copied))
    for name in (entry.anchors[0], entry.objects[1]):
        spoil(chain.repository.store, object_key(name))
    found = find(chain.repository, other=other, quick=False, reporter=SilentReporter())
    assert {entry.anchors[0], entry.objects[1]} <= found.found
    carry_out(chain.repository, found, other=other, forget=False, quick=False, reporter=SilentReporter())
    chain.check()


@contextmanager
def _however_small() -> Iterator[None]:
    """Let chunks of some bytes have anchors."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(differences, "_LEAST", 0)
        yield


def test_small_chunks_have_anchors_too(repository: Repository) -> None:
    """As the histories below suppose."""
    small = replace(repository, config=repository.config.model_copy(update={"chunker": SMALL}))
    data = Random(1).randbytes(12_000)
    with _however_small():
        (first,) = small.store_files([("file", io.BytesIO(data))]).files
        data = data[:6000] + b"x" + data[6001:]
        (entry,) = small.store_files([("file", io.BytesIO(data))], before={"file": first}).files
    assert entry.anchors


EDITS = st.lists(
    st.tuples(st.integers(0, 20_000), st.integers(0, 300), st.binary(max_size=300)), min_size=1, max_size=6
)


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32), st.lists(EDITS, min_size=1, max_size=6), st.sampled_from(KINDS))
def test_any_history_gives_every_state_back(
    seed: int, history: list[list[tuple[int, int, bytes]]], kind: str | None
) -> None:
    """Bytes are replaced, added and removed anywhere, in any number of backups."""
    made = Repository.create(InMemoryStore(), passphrase=of_kind(kind))
    repository = replace(made, config=made.config.model_copy(update={"chunker": SMALL}))
    states = [Random(seed).randbytes(12_000)]
    for edits in history:
        data = states[-1]
        for at, length, new in edits:
            data = data[:at] + new + data[at + length :]
        states.append(data)
    entries: list[FileEntry] = []
    with _however_small():
        for data in states:
            before = {"file": entries[-1]} if entries else {}
            entries += repository.store_files([("file", io.BytesIO(data))], before=before).files
    for entry, data in zip(entries, states, strict=True):
        with tempfile.TemporaryDirectory() as folder:
            repository.restore_files([entry], Path(folder) / "out")
            assert (Path(folder) / "out" / "file").read_bytes() == data
        anchors = {one for name in entry.objects for one in anchors_of(repository.store, name)}
        assert anchors == set(entry.anchors)
