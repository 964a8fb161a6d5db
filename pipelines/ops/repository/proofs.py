"""Proofs beside a restore point: what its checks found, and what that makes of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from pipelines.ops.errors import DamagedError, NothingError, RefusedError, UsageError
from pipelines.ops.model import Proof
from pipelines.ops.repository.documents import digest, from_bytes, to_bytes
from pipelines.ops.repository.named import name_of, parse_name, put_named
from pipelines.ops.repository.objects import ID
from pipelines.ops.repository.sealed import id_key
from pipelines.ops.repository.store import AbsentError, ObjectStore

FOLDER = "proofs/"
MAX_PROOF = 16 * 1024 * 1024
BOOTED = 3


class Standing(StrEnum):
    """What is known of a restore point; only `PROVEN` may be shown as good."""

    UNPROVEN = "unproven"
    PROVEN = "proven"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class _Unreadable:
    """A proof that proves nothing, because its bytes cannot be trusted."""

    problem: str


def add_proof(store: ObjectStore, proof: Proof) -> None:
    """Lay a proof beside its point; adding it twice changes nothing."""
    data = to_bytes(proof)
    if proof.started.tzinfo is None:
        raise UsageError("A proof cannot be stored: its time has no time zone.", "Give it one.")
    key = _folder(proof.point) + name_of(proof.started, data, id_key(store))
    put_named(store, key, data, MAX_PROOF)


def keep_proofs(store: ObjectStore, copy: ObjectStore, point: str) -> int:
    """Keep the proofs of a point that were made in a copy of the store; return how many the copy has.

    Those that are there already stay as they are. DamagedError names one that cannot be read in the copy and
    has not come from here; NothingError when there is none.
    """
    strange = sorted({*proof_problems(copy, point)} - {*proof_problems(store, point)})
    if strange:
        raise DamagedError(f"In {copy.place}: {strange[0]}", "Prove the point again; none of them was kept.")
    made = list_proofs(copy, point)
    if not made:
        raise NothingError(f"{copy.place} has no proof of {point[:12]}.", "Prove the point there first.")
    for proof in made:
        add_proof(store, proof)
    return len(made)


def list_proofs(store: ObjectStore, point: str) -> list[Proof]:
    """Return the proofs of a point that can be read, newest last."""
    return [one for one in _read(store, point) if isinstance(one, Proof)]


def proof_problems(store: ObjectStore, point: str) -> list[str]:
    """Return a sentence for each proof of a point that cannot be read, and so proves nothing."""
    return [one.problem for one in _read(store, point) if isinstance(one, _Unreadable)]


def standing_of(store: ObjectStore, point: str) -> Standing:
    """Return what the newest proofs make of a point.

    A failed check stands until one of its level or higher passes. A proof that cannot be read may have been a
    failed one, so what is older proves nothing until the point is proven again.
    """
    passed = 0
    for one in reversed(list(_read(store, point))):
        if isinstance(one, _Unreadable):
            return Standing.UNPROVEN
        if not one.good and one.level > passed:
            return Standing.DAMAGED
        if one.good and one.level == BOOTED:
            return Standing.PROVEN
        passed = max(passed, one.level if one.good else 0)
    return Standing.UNPROVEN


def _read(store: ObjectStore, point: str) -> Iterator[Proof | _Unreadable]:
    folder = _folder(point)
    for stored in store.list(folder):
        try:
            yield _parse(store, stored.key, point)
        except AbsentError:
            continue  # forgotten meanwhile
        except (DamagedError, RefusedError) as error:
            # A store that cannot be reached is another matter: nobody may take a good point for unproven.
            yield _Unreadable(error.what)


def _parse(store: ObjectStore, key: str, point: str) -> Proof:
    data = store.get(key, limit=MAX_PROOF)
    name = parse_name(key.rpartition("/")[2])
    hint = "Prove the point again."
    if name is None or digest(data, id_key(store)) != name.id:
        raise DamagedError(f"The proof {key} has other bytes than its name says.", hint)
    proof = from_bytes(Proof, data, f"The proof {key}")
    if proof.point != point or proof.started != name.time:
        raise DamagedError(f"The proof {key} is of another point or time.", hint)
    return proof


def _folder(point: str) -> str:
    if not ID.fullmatch(point):
        raise UsageError(
            f"{point[:80]!r} is not the id of a restore point.", "Give its 64 hexadecimal digits."
        )
    return f"{FOLDER}{point}/"
