"""Key slots: files under `keys/`, each with the repository key sealed under one passphrase."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipelines.ops.errors import DamagedError, OpsError, RefusedError
from pipelines.ops.repository.documents import digest, from_bytes, to_bytes
from pipelines.ops.repository.passphrase import Passphrase, Scrypt
from pipelines.ops.repository.sealed import Keys
from pipelines.ops.repository.sealing import BrokenSealError, Seal
from pipelines.ops.repository.store import AbsentError, ObjectStore

FOLDER = "keys/"
LEAVING = ".leaving-"
"""Divides the id of a slot and a random word in the name of a mark: somebody is about to remove the slot."""
MAX_NAME = 100
"""Characters in the name of a key."""
MAX_SLOT = 64 * 1024
MAX_SLOTS = 64
"""So many are looked at: each may cost a derivation."""
_ID = re.compile(r"[0-9a-f]{64}")
_HEX = r"^(?:[0-9a-f]{2})+$"
_ROOT = "repository key"


class About(BaseModel):
    """What a slot is for: whose, made on which machine and when. Only who has the key can read it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, max_length=MAX_NAME)
    host: str = Field(max_length=256)
    made: datetime


class KeySlot(BaseModel):
    """The file: how a passphrase becomes a key, the repository key sealed with that, then `About`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    kdf: Scrypt
    key: str = Field(pattern=_HEX, max_length=1024)
    about: str = Field(pattern=_HEX, max_length=8192)


@dataclass(frozen=True, slots=True)
class Slot:
    """A slot under its id; `leaving` when somebody has begun to remove it."""

    id: str
    slot: KeySlot
    leaving: bool = False

    def root(self, passphrase: Passphrase) -> bytes | None:
        """Return the key that a passphrase opens here, or None."""
        try:
            return Seal(passphrase.key(self.slot.kdf)).open(bytes.fromhex(self.slot.key), _ROOT)
        except BrokenSealError:
            return None

    def about(self, keys: Keys) -> About | None:
        """Return what it is for; None when it was not made with this repository's key."""
        try:
            said = Seal(keys.values).open(bytes.fromhex(self.slot.about), _about_name(self.slot.key))
            return About.model_validate_json(said)
        except (BrokenSealError, ValidationError):
            return None


def slot_key(identity: str) -> str:
    """Return the key of a slot's file."""
    return FOLDER + identity


def put_slot(store: ObjectStore, root: bytes, passphrase: Passphrase, kdf: Scrypt, about: About) -> Slot:
    """Write a new slot, whole, and let it settle."""
    sealed = Seal(passphrase.key(kdf)).close(root, _ROOT).hex()
    said = Seal(Keys.of(root).values).close(to_bytes(about), _about_name(sealed))
    slot = KeySlot(kdf=kdf, key=sealed, about=said.hex())
    data = to_bytes(slot)
    identity = digest(data)
    store.put(slot_key(identity), data)
    store.settle([slot_key(identity)])
    return Slot(identity, slot)


def read_slots(store: ObjectStore) -> tuple[list[Slot], list[str]]:
    """Return the slots that can be read, and a sentence for each that cannot.

    DamagedError when there are more than anybody has made: each would cost a derivation.
    """
    names = [stored.key.removeprefix(FOLDER) for stored in store.list(FOLDER)]
    found = [name for name in names if _ID.fullmatch(name)]
    if len(found) > MAX_SLOTS:
        raise DamagedError(
            f"There are {len(found)} key files in {store.place}, more than {MAX_SLOTS}.",
            "Synapse makes no more than that: move away those of keys/ that are not yours.",
        )
    slots, problems = [], []
    for name in found:
        try:
            slot = _read(store, name)
        except AbsentError:
            continue
        except RefusedError:
            raise
        except OpsError as error:
            problems.append(error.what)
        else:
            slots.append(Slot(name, slot, leaving=any(one.startswith(name + LEAVING) for one in names)))
    return slots, problems


def ours(slots: Sequence[Slot], keys: Keys) -> list[tuple[Slot, About]]:
    """Return the slots that were made with this repository's key, oldest first."""
    found = [(slot, about) for slot in slots if (about := slot.about(keys))]
    return sorted(found, key=lambda one: (one[1].made, one[0].id))


def _read(store: ObjectStore, identity: str) -> KeySlot:
    key = slot_key(identity)
    data = store.get(key, limit=MAX_SLOT)
    if digest(data) != identity:
        raise DamagedError(
            f"The key file {key} has other bytes than its name says.",
            "Take it from a copy of the repository.",
        )
    return from_bytes(KeySlot, data, f"The key file {key}")


def _about_name(sealed: str) -> str:
    return f"about {sealed}"
