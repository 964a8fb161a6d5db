"""Give an encrypted repository more passphrases, change one, or take one away; never the last."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from platform import node
from typing import Self
from uuid import uuid4

from pipelines.ops.errors import NothingError, RefusedError, UsageError
from pipelines.ops.repository.config import read_config
from pipelines.ops.repository.encryption import NoPassphraseError, unlocked
from pipelines.ops.repository.passphrase import Passphrase
from pipelines.ops.repository.sealed import Keys
from pipelines.ops.repository.slots import (
    FOLDER,
    LEAVING,
    MAX_NAME,
    About,
    Slot,
    ours,
    put_slot,
    read_slots,
    slot_key,
)
from pipelines.ops.repository.store import ObjectStore

MAX_MADE = 32
"""No more slots than this are made: half of what is read, for those who add at the same moment."""


@dataclass(frozen=True, slots=True)
class KeyRef:
    """A key slot in a listing; `mine` is the one that opened, `leaving` one whose removal was begun."""

    id: str
    about: About
    mine: bool
    leaving: bool

    @property
    def short(self) -> str:
        """The first digits of the id, as a person types them."""
        return self.id[:12]


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Keyring:
    """The key slots of a repository that a passphrase has opened; `store` is the one below."""

    def __init__(
        self,
        store: ObjectStore,
        root: bytes,
        mine: Slot,
        host: str = node(),
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._store = store
        self._root = root
        self._keys = Keys.of(root)
        self._mine = mine
        self._host = host
        self._now = now

    @classmethod
    def open(cls, store: ObjectStore, passphrase: Passphrase | None) -> Self:
        """Open the keys; RefusedError for a plain repository. See `encryption.sealed` for the rest."""
        config = read_config(store)
        if config.encryption is None:
            raise RefusedError(
                f"The repository in {store.place} is not encrypted: it has no keys.",
                "It stays as it is; `synapse init --encrypt` makes an encrypted one in a new place.",
            )
        if passphrase is None:
            raise NoPassphraseError.of(store)
        return cls(store, *unlocked(store, config, passphrase))

    def listed(self) -> list[KeyRef]:
        """Return every slot of this repository, oldest first."""
        slots, _ = read_slots(self._store)
        return [
            KeyRef(slot.id, about, mine=slot.id == self._mine.id, leaving=slot.leaving)
            for slot, about in ours(slots, self._keys)
        ]

    def problems(self) -> list[str]:
        """Return a sentence for each key file that is damaged, or that opens nothing here."""
        slots, problems = read_slots(self._store)
        known = {slot.id for slot, _ in ours(slots, self._keys)}
        strange = [slot.id for slot in slots if slot.id not in known]
        return problems + [
            f"The key file {slot_key(one)} is of no key of this repository." for one in strange
        ]

    def resolve(self, name: str) -> KeyRef:
        """Return the one slot whose id begins so, or whose name is this."""
        meant = [one for one in self.listed() if name and (one.id.startswith(name) or one.about.name == name)]
        if not meant:
            raise NothingError(f"No key is called {name!r}.", "`synapse key list` shows them.")
        if len(meant) > 1:
            raise UsageError(
                f"{len(meant)} keys are meant by {name!r}: {', '.join(one.short for one in meant)}.",
                "Type more of the id.",
            )
        return meant[0]

    def add(self, passphrase: Passphrase, name: str) -> KeyRef:
        """Let another passphrase open the repository; the present ones stay."""
        passphrase.check_new()
        if not 0 < len(name) <= MAX_NAME:
            raise UsageError(f"The name of a key has 1 to {MAX_NAME} characters.", "Choose another --name.")
        if len(self.listed()) >= MAX_MADE:
            raise RefusedError(f"There are {MAX_MADE} keys already.", "Remove one that nobody needs.")
        about = About(name=name, host=self._host, made=self._now())
        # The same parameters, so that one derivation tells which slot a passphrase is of.
        slot = put_slot(self._store, self._root, passphrase, self._mine.slot.kdf, about)
        return KeyRef(slot.id, about, mine=False, leaving=False)

    def change(self, passphrase: Passphrase) -> KeyRef:
        """Put another passphrase in place of the one that opened; at every moment one of the two opens."""
        old = next((one for one in self.listed() if one.mine), None)
        if old is None:
            raise RefusedError(
                "The passphrase that opened the repository has been taken away meanwhile.",
                "Open it with another one, and look at `synapse key list`.",
            )
        new = self.add(passphrase, old.about.name)
        self.remove(old.id)
        return new

    def remove(self, identity: str) -> None:
        """Take a slot away, whole and to stay away; RefusedError when none would be left.

        Whoever removes lays a mark first, and then counts the slots without one. So of two that would take
        the last two away at once, at least one sees the other's mark and stops. A mark that a dead command
        left keeps its slot from being counted until that is removed.
        """
        key = slot_key(identity)
        mark = f"{key}{LEAVING}{uuid4().hex}"
        self._store.put(mark, b"")
        if not any(one.id != identity and not one.leaving for one in self.listed()):
            self._store.delete(mark)
            raise RefusedError(
                "Without this key none would be left, and nobody could ever read the repository again.",
                "Add another with `synapse key add` first.",
            )
        self._store.delete(key)
        self._store.settle([key])
        for stored in self._store.list(FOLDER):
            if stored.key.startswith(key + LEAVING):
                self._store.delete(stored.key)
