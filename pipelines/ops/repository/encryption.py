"""Make and open an encrypted repository: which passphrase opens it, and whether its config is as it was."""

import os
from collections.abc import Callable
from hmac import compare_digest
from typing import Self
from uuid import UUID

from pipelines.ops.errors import DamagedError, RefusedError, UsageError
from pipelines.ops.repository.config import FORMAT_ENCRYPTED, EncryptionConfig, RepositoryConfig, write_config
from pipelines.ops.repository.documents import digest, to_bytes
from pipelines.ops.repository.passphrase import Passphrase
from pipelines.ops.repository.sealed import Keys, SealedStore
from pipelines.ops.repository.slots import About, Slot, put_slot, read_slots, slot_key
from pipelines.ops.repository.store import ObjectStore

_SETTING = "Set SYNAPSE_PASSPHRASE_FILE to a file with it, or run the command on a terminal, which asks."
_NO_CHECK = "0" * 64


class NoPassphraseError(UsageError):
    """The repository is encrypted, and nobody said its passphrase."""

    @classmethod
    def of(cls, store: ObjectStore) -> Self:
        """Say it of the repository in a store."""
        return cls(
            f"The repository in {store.place} is encrypted, and SYNAPSE_PASSPHRASE_FILE is not set.", _SETTING
        )


class WrongPassphraseError(UsageError):
    """None of the repository's keys opens with the passphrase."""


def sealed(store: ObjectStore, config: RepositoryConfig, passphrase: Passphrase | None) -> ObjectStore:
    """Return the store as its config says: as it is, or opened with the passphrase.

    Raises NoPassphraseError, WrongPassphraseError, DamagedError when config or keys were changed, and
    RefusedError when there is a passphrase and the repository is plain.
    """
    if config.encryption is None:
        _refuse_plain(store, passphrase)
        return store
    if passphrase is None:
        raise NoPassphraseError.of(store)
    root, _ = unlocked(store, config, passphrase)
    return SealedStore(store, Keys.of(root))


def create(
    store: ObjectStore,
    identity: UUID,
    passphrase: Passphrase,
    about: About,
    random: Callable[[int], bytes] = os.urandom,
) -> tuple[SealedStore, RepositoryConfig]:
    """Make an encrypted repository with one key slot; `RefusedError` when there is a repository already.

    The config is last: before that there is no repository, only a key file that opens nothing.
    """
    passphrase.check_new()
    root = random(32)
    keys = Keys.of(root)
    config = RepositoryConfig(
        id=identity, format=FORMAT_ENCRYPTED, encryption=EncryptionConfig(check=_NO_CHECK)
    )
    config = _with_check(config, _check(config, keys))
    slot = put_slot(store, root, passphrase, passphrase.new_kdf(), about)
    try:
        write_config(store, config)
    except RefusedError:
        store.delete(slot_key(slot.id))
        raise
    return SealedStore(store, keys), config


def unlocked(store: ObjectStore, config: RepositoryConfig, passphrase: Passphrase) -> tuple[bytes, Slot]:
    """Return the repository key and the slot that gave it; see `sealed` for what it raises."""
    slots, problems = read_slots(store)
    foreign = []
    for slot in slots:
        root = slot.root(passphrase)
        if root is None:
            continue
        if _fits(config, Keys.of(root)):
            return root, slot
        foreign.append(slot.id)
    raise _shut(store, slots, problems, foreign)


def _shut(
    store: ObjectStore, slots: list[Slot], problems: list[str], foreign: list[str]
) -> DamagedError | WrongPassphraseError:
    """Say why nothing opened: a changed config, damaged or lost key files, or the passphrase."""
    copy = "Take config and keys/ from a copy of the repository."
    if foreign:
        return DamagedError(
            f"The config of the repository in {store.place} was changed, or its key file {foreign[0][:12]}"
            " is of another repository.",
            copy,
        )
    if problems:
        return DamagedError(
            f"{len(problems)} of {len(slots) + len(problems)} key files in {store.place} are damaged, and the"
            f" passphrase opens no other. {problems[0]}",
            copy,
        )
    if not slots:
        return DamagedError(
            f"The repository in {store.place} is encrypted, and its key files are gone.", copy
        )
    return WrongPassphraseError(
        f"The passphrase is not one of the repository in {store.place}.",
        "Correct what SYNAPSE_PASSPHRASE_FILE names; each passphrase of `synapse key list` will do.",
    )


def _refuse_plain(store: ObjectStore, passphrase: Passphrase | None) -> None:
    """Nothing goes into the clear that was meant to be secret, whoever exchanged the config."""
    if passphrase is not None:
        raise RefusedError(
            f"The repository in {store.place} is not encrypted, but a passphrase is set.",
            "It stays as it is: take SYNAPSE_PASSPHRASE(_FILE) away to go on with it, or name a new place in"
            " SYNAPSE_REPOSITORY and run `synapse init --encrypt`.",
        )


def _fits(config: RepositoryConfig, keys: Keys) -> bool:
    said = config.encryption.check if config.encryption else ""
    return compare_digest(said, _check(config, keys))


def _check(config: RepositoryConfig, keys: Keys) -> str:
    """Return the keyed hash of the config, as it is without its check."""
    return digest(to_bytes(_with_check(config, _NO_CHECK)), keys.config)


def _with_check(config: RepositoryConfig, check: str) -> RepositoryConfig:
    return config.model_copy(update={"encryption": EncryptionConfig(check=check)})
