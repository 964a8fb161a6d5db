"""An encrypted repository opens with its passphrase alone, and shows nothing of what is in it."""

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from pipelines.ops.errors import DamagedError, ExitCode, OpsError, RefusedError, UsageError
from pipelines.ops.model import Canary, CollectionFacts, FaissSource, IndexFacts, Proof, RestorePoint
from pipelines.ops.repository import InMemoryStore, Repository, Standing
from pipelines.ops.repository.documents import digest
from pipelines.ops.repository.encryption import NoPassphraseError, WrongPassphraseError
from pipelines.ops.repository.objects import object_key
from pipelines.ops.repository.passphrase import Passphrase, Scrypt
from pipelines.ops.repository.sealed import Keys, cuts
from pipelines.ops.repository.sealing import OVERHEAD, BrokenSealError, Seal
from pipelines.ops.repository.store import KeyTakenError
from tests.passphrases import OTHER, PHRASE, cheap

NOON = datetime(2026, 7, 8, 12, 0, tzinfo=UTC)
SECRETS = ("session:of-somebody", "collection-of-somebody", "a-file-of-somebody", "model-of-somebody")


def made(store: InMemoryStore) -> Repository:
    """Make a repository with one point and its proof, all of whose words are secrets."""
    repository = Repository.create(store, passphrase=cheap())
    text = b"".join(f"{SECRETS[0]} is a canary, line {number}\n".encode() for number in range(5000))
    files = repository.store_files([(SECRETS[2], io.BytesIO(text)), ("empty", io.BytesIO(b""))]).files
    canary = Canary(vector="AAAA", ids=(1,), scores=(0.5,))
    index = IndexFacts(path=None, index_type="Flat", dimension=1, metric="ip", count=1, canaries=(canary,))
    collection = CollectionFacts(
        name=SECRETS[1], epoch="e", sequence=1, documents=1, passages=1, model=SECRETS[3], normalised=True,
        index=index,
    )  # fmt: skip  # one line a group
    faiss = FaissSource(way="collections", collections=(collection,), files=files)
    ref = repository.publish(RestorePoint(host="h", software={}, started=NOON, finished=NOON, faiss=faiss))
    repository.add_proof(proof(ref.id))
    return repository


def proof(point: str, minutes: int = 0) -> Proof:
    """Make a good proof, some minutes after noon, that names a secret."""
    problems, started = (SECRETS[0],), NOON + timedelta(minutes=minutes)
    return Proof(point=point, level=3, good=True, started=started, seconds=1, software={}, problems=problems)


def test_nothing_of_it_can_be_read_below() -> None:
    """No secret word, plain or in hexadecimal, is in any stored byte or key; nor is the passphrase."""
    store = InMemoryStore()
    repository = made(store)
    (ref,) = repository.points()
    assert repository.load(ref).faiss
    assert repository.standing(ref.id) is Standing.PROVEN
    everything = b"\n".join(key.encode() + b"\n" + value for key, value in store.values.items())
    for word in (*SECRETS, PHRASE, "canary", "somebody", '"faiss"', "sha256", "vector"):
        assert word.encode() not in everything
        assert word.encode().hex().encode() not in everything
    assert b'"chunker"' in everything  # what is looked through holds what is not secret


def test_ids_tell_nothing_of_the_bytes() -> None:
    """Another repository with the same passphrase names equal bytes differently, and cuts them elsewhere."""
    data = bytes(range(256)) * 4096
    first, second = (Repository.create(InMemoryStore(), passphrase=cheap()) for _ in range(2))
    plain = Repository.create(InMemoryStore())
    ids = [one.store_files([("f", io.BytesIO(data))]).files[0].objects for one in (first, second, plain)]
    assert not set(ids[0]) & set(ids[1])
    assert not {*ids[0], *ids[1]} & set(ids[2])
    seeds = {cuts(one.store, one.config.chunker).seed for one in (first, second, plain)}
    assert len(seeds) == 3
    assert first.config.chunker.seed == 0


def test_a_missing_or_wrong_passphrase_has_its_own_sentence() -> None:
    """Each names the setting, with the code of one that cannot be used, and says nothing of the phrase."""
    store = InMemoryStore()
    Repository.create(store, passphrase=cheap())
    with pytest.raises(NoPassphraseError, match="SYNAPSE_PASSPHRASE_FILE is not set") as missing:
        Repository.open(store)
    with pytest.raises(WrongPassphraseError, match="not one of the repository") as wrong:
        Repository.open_or_create(store, cheap(OTHER))
    assert missing.value.code == wrong.value.code == ExitCode.USAGE
    assert "SYNAPSE_PASSPHRASE_FILE" in wrong.value.hint
    assert OTHER not in f"{wrong.value!r} {wrong.value.hint}"


def test_letters_of_any_keyboard_are_the_same() -> None:
    """A letter with its accent apart opens what the whole letter closed."""
    store = InMemoryStore()
    Repository.create(store, passphrase=cheap("zwölf schöne Wörter"))
    assert Repository.open(store, cheap("zwo\u0308lf scho\u0308ne Wo\u0308rter")).points() == []


def test_a_short_passphrase_is_not_chosen() -> None:
    """Eleven characters are refused before anything is written; twelve will do."""
    store = InMemoryStore()
    with pytest.raises(UsageError, match="fewer than 12"):
        Repository.create(store, passphrase=cheap("x" * 11))
    assert store.values == {}
    Repository.create(store, passphrase=cheap("x" * 12))


def test_a_plain_repository_is_not_written_with_a_passphrase() -> None:
    """Whoever set one must not write in the clear, not even when the config was exchanged for a plain one."""
    store = InMemoryStore()
    plain = Repository.create(store)
    with pytest.raises(RefusedError, match="not encrypted") as caught:
        Repository.open_or_create(store, cheap())
    assert "synapse init --encrypt" in caught.value.hint
    assert Repository.open(store) == plain
    exchanged = InMemoryStore()
    made(exchanged)
    exchanged.values["config"] = store.values["config"]
    with pytest.raises(RefusedError, match="not encrypted"):
        Repository.open(exchanged, cheap())


def test_an_older_synapse_stops_at_the_number() -> None:
    """The config says format 2, which a reader that knows format 1 alone refuses as newer."""
    store = InMemoryStore()
    Repository.create(store, passphrase=cheap())
    assert json.loads(store.values["config"])["format"] == 2
    for damage in ({"format": 1}, {"encryption": None}):
        document = json.loads(store.values["config"]) | damage
        odd = InMemoryStore()
        odd.put("config", json.dumps(document).encode())
        with pytest.raises(DamagedError, match="format 1 is plain and format 2 is encrypted"):
            Repository.open(odd, cheap())


def changed_config(**chunker: int) -> Callable[[InMemoryStore], None]:
    """Give a damage that writes other numbers into the config."""

    def damage(store: InMemoryStore) -> None:
        document = json.loads(store.values["config"])
        document["chunker"] |= chunker
        store.values["config"] = json.dumps(document).encode()

    return damage


def test_a_changed_config_is_noticed() -> None:
    """Whoever can write there cannot have files cut small, to see more of them."""
    store = InMemoryStore()
    made(store)
    changed_config(average=256, minimum=64)(store)
    with pytest.raises(DamagedError, match="config of the repository in memory was changed"):
        Repository.open(store, cheap())


def test_key_files_of_another_repository_open_nothing() -> None:
    """The same passphrase on both: what it opens is not this repository's key, and that is said."""
    store, other = InMemoryStore(), InMemoryStore()
    made(store)
    Repository.create(other, passphrase=cheap())
    for key in [key for key in store.values if key.startswith("keys/")]:
        del store.values[key]
    store.values |= {key: value for key, value in other.values.items() if key.startswith("keys/")}
    with pytest.raises(DamagedError, match="of another repository"):
        Repository.open(store, cheap())


def test_what_an_interrupted_init_left_hinders_nothing() -> None:
    """A key file without a config is no repository; the next one ignores it."""
    store = InMemoryStore()
    Repository.create(store, passphrase=cheap())
    del store.values["config"]
    second = Repository.create(store, passphrase=cheap())
    assert len([key for key in store.values if key.startswith("keys/")]) == 2
    assert Repository.open(store, cheap()).config == second.config


def test_who_makes_it_second_leaves_no_key() -> None:
    """Two that make one repository at once: the second is refused, and its key file is gone."""

    class Overtaken(InMemoryStore):
        def put(self, key: str, data: bytes, *, replace: bool = False) -> None:
            if key == "config":
                raise KeyTakenError("It is there.", "Leave it.")
            super().put(key, data, replace=replace)

    store = Overtaken()
    with pytest.raises(RefusedError):
        Repository.create(store, passphrase=cheap())
    assert store.values == {}


@pytest.mark.parametrize("change", ["name", "flip", "cut", "key", "short"])
def test_a_seal_opens_its_own_value_only(change: str) -> None:
    """Another name, another byte, fewer bytes, another key: each is refused."""
    seal, sealed = Seal(bytes(32)), Seal(bytes(32)).close(b"content", "objects/a")
    assert seal.open(sealed, "objects/a") == b"content"
    assert len(sealed) == len(b"content") + OVERHEAD
    wrong = {
        "name": (seal, sealed, "objects/b"),
        "flip": (seal, bytes([*sealed[:-1], sealed[-1] ^ 1]), "objects/a"),
        "cut": (seal, sealed[:-1], "objects/a"),
        "key": (Seal(b"1" * 32), sealed, "objects/a"),
        "short": (seal, sealed[:20], "objects/a"),
    }
    by, value, name = wrong[change]
    with pytest.raises(BrokenSealError):
        by.open(value, name)


def test_no_salt_and_no_nonce_is_used_twice() -> None:
    """Of many equal values every one has its own salt, and so its own key and nonce; no two look alike."""
    seal = Seal(bytes(32))
    sealed = [seal.close(b"the same", "one name") for _ in range(3000)]
    salts = {value[:32] for value in sealed}
    assert len(salts) == len({seal._once(salt) for salt in salts}) == 3000
    assert len({value[32:] for value in sealed}) == 3000


def test_the_salts_of_a_repository_differ() -> None:
    """Of all that a backup of many small files writes, no value begins as another does."""
    store = InMemoryStore()
    repository = Repository.create(store, passphrase=cheap())
    repository.store_files((str(number), io.BytesIO(b"%d" % number)) for number in range(500))
    salts = {value[:32] for key, value in store.values.items() if key.startswith("objects/")}
    assert len(salts) == 500


def test_the_keys_of_each_purpose_differ() -> None:
    """Who learned one of them knows nothing of the others."""
    keys = Keys.of(bytes(32))
    assert len({keys.ids, keys.values, keys.config}) == 3
    assert keys != Keys.of(b"1" * 32)
    assert "values" not in repr(keys)


@pytest.mark.parametrize(
    "wrong",
    [
        {"n": 2**30, "r": 8},
        {"n": 2**20, "r": 32},
        {"n": 2**20, "r": 8, "p": 1000},
        {"n": 100_000},
        {"n": 1},
        {"n": -(2**17)},
        {"r": 0},
        {"r": 2**30},
        {"p": 0},
        {"salt": "00"},
        {"salt": "0" * 64 + "\n"},
        {"name": "none"},
        {"extra": 1},
    ],
)
def test_no_key_file_takes_all_memory(wrong: dict[str, object]) -> None:
    """Parameters that would take more than 512 MiB, or mean nothing, are refused before any derivation."""
    right: dict[str, object] = {"name": "scrypt", "n": 2**17, "r": 8, "p": 1, "salt": "0" * 64}
    assert Scrypt.model_validate(right).memory == 128 * 2**20
    with pytest.raises(ValidationError):
        Scrypt.model_validate(right | wrong)
    store = InMemoryStore()
    Repository.create(store, passphrase=cheap())
    (key,) = (key for key in store.values if key.startswith("keys/"))
    document = json.loads(store.values.pop(key))
    document["kdf"] |= wrong
    forge(store, document)
    with pytest.raises(DamagedError, match="key files in memory are damaged"):
        Repository.open(store, cheap())


def forge(store: InMemoryStore, document: object) -> None:
    """Lay a key file under its right name."""
    data = json.dumps(document).encode()
    store.put(f"keys/{digest(data)}", data)


def test_a_key_file_of_a_newer_format_is_told_as_that() -> None:
    """It is not damage."""
    store = InMemoryStore()
    Repository.create(store, passphrase=cheap())
    forge(store, {"format": 2, "kdf": "of tomorrow"})
    with pytest.raises(RefusedError, match="format 2") as caught:
        Repository.open(store, cheap())
    assert "newer Synapse" in caught.value.hint


def test_a_thousand_key_files_are_not_tried() -> None:
    """Each would cost a derivation; so many were made by nobody."""
    store = InMemoryStore()
    Repository.create(store, passphrase=cheap())
    store.values |= {f"keys/{number:064x}": b"{}" for number in range(1000)}
    with pytest.raises(DamagedError, match="more than 64"):
        Repository.open(store, cheap())


@pytest.mark.parametrize("cut", [0, 1, -1])
def test_a_damaged_key_file_is_not_a_wrong_passphrase(cut: int) -> None:
    """Truncated it is named as damaged; gone, that is said."""
    store = InMemoryStore()
    Repository.create(store, passphrase=cheap())
    (key,) = (key for key in store.values if key.startswith("keys/"))
    store.values[key] = store.values[key][:cut]
    with pytest.raises(DamagedError, match="1 of 1 key files in memory are damaged") as caught:
        Repository.open(store, cheap())
    assert key in caught.value.what
    del store.values[key]
    with pytest.raises(DamagedError, match="key files are gone"):
        Repository.open(store, cheap())


def test_a_flipped_byte_in_a_key_file() -> None:
    """Wherever it is, the name does not fit any more; another slot still opens."""
    store = InMemoryStore()
    Repository.create(store, passphrase=cheap())
    (key,) = (key for key in store.values if key.startswith("keys/"))
    before = store.values[key]
    for position in range(len(before)):
        store.values[key] = before[:position] + bytes([before[position] ^ 1]) + before[position + 1 :]
        with pytest.raises(DamagedError, match="damaged"):
            Repository.open(store, cheap())


def test_one_derivation_opens_however_often() -> None:
    """The same passphrase derives once for the same parameters: a command pays once."""
    store = InMemoryStore()
    phrase = cheap()
    Repository.create(store, passphrase=phrase)
    known = dict(phrase._known)
    for _ in range(3):
        Repository.open(store, phrase)
    assert phrase._known == known
    assert len(known) == 1


def test_a_passphrase_shows_itself_nowhere() -> None:
    """Not in its words, and not in those of what holds it."""
    phrase = Passphrase(PHRASE)
    assert PHRASE not in repr(phrase) + str(phrase) + repr([phrase])


def test_swapped_objects_are_refused() -> None:
    """Two objects under one another's names: neither opens, and check and restore name the file."""
    store = InMemoryStore()
    repository = Repository.create(store, passphrase=cheap())
    files = repository.store_files([("a", io.BytesIO(b"first")), ("b", io.BytesIO(b"other"))]).files
    one, two = (object_key(entry.objects[0]) for entry in files)
    store.values[one], store.values[two] = store.values[two], store.values[one]
    faiss = FaissSource(way="folder", files=files)
    point = RestorePoint(host="h", software={}, started=NOON, finished=NOON, faiss=faiss)
    problems = repository.check_bytes(point)
    assert len(problems) == 2
    assert all("does not open: it was changed, or is another" in problem for problem in problems)


def test_an_older_manifest_under_a_newer_name_is_refused_with_its_reason() -> None:
    """So is one among the proofs, and a proof of another point."""
    store = InMemoryStore()
    repository = made(store)
    (ref,) = repository.points()
    newer = f"points/20300101T000000.000000Z-{ref.id}.json"
    store.values[newer] = store.values[ref.key]
    listed = {one.key: one.problem for one in repository.points()}
    assert listed[ref.key] is None
    assert "does not open: it was changed, or was stored under another name" in str(listed[newer])
    (old,) = (key for key in store.values if key.startswith("proofs/"))
    store.values[old.replace(ref.id, "cd" * 32)] = store.values[old]
    assert repository.standing("cd" * 32) is Standing.UNPROVEN
    (problem,) = repository.proof_problems("cd" * 32)
    assert "stored under another name" in problem


def test_a_plain_value_is_not_taken_for_a_sealed_one() -> None:
    """Who can write there, but has no key, cannot add a point, a proof or an object."""
    store = InMemoryStore()
    repository = made(store)
    plain = InMemoryStore()
    forged = Repository.create(plain)
    files = forged.store_files([("a", io.BytesIO(b"forged"))]).files
    faiss = FaissSource(way="folder", files=files)
    point = forged.publish(RestorePoint(host="h", software={}, started=NOON, finished=NOON, faiss=faiss))
    (ref,) = repository.points()
    store.values |= {key: value for key, value in plain.values.items() if key != "config"}
    forged.add_proof(proof(ref.id, minutes=1))
    store.values |= {key: value for key, value in plain.values.items() if key != "config"}
    assert {one.id: bool(one.problem) for one in repository.points()} == {ref.id: False, point.id: True}
    assert repository.standing(ref.id) is Standing.UNPROVEN
    with pytest.raises(OpsError, match="does not open"):
        repository.load(repository.resolve(point.id))


@pytest.mark.parametrize("passphrase", [None, cheap()])
def test_the_loser_of_two_makers_publishes_nothing(passphrase: Passphrase | None) -> None:
    """Where a put cannot ask for a free key, both think that they made it: what one sealed, no key opens."""
    store, beside = InMemoryStore(), InMemoryStore()
    loser = Repository.create(store, passphrase=passphrase)
    Repository.create(beside, passphrase=passphrase)
    files = loser.store_files([("file", io.BytesIO(b"bytes"))]).files
    point = RestorePoint(
        host="h", software={}, started=NOON, finished=NOON, faiss=FaissSource(way="folder", files=files)
    )
    for key, value in beside.values.items():
        store.put(key, value, replace=True)
    with pytest.raises(RefusedError, match="was made anew meanwhile"):
        loser.publish(point)
    winner = Repository.open(store, passphrase)
    assert winner.points() == []
    winner.store_files([("file", io.BytesIO(b"bytes"))])
    assert winner.publish(point).id
