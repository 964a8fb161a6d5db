"""Open the repository that the settings name, with its passphrase where it is encrypted."""

from collections.abc import Callable
from typing import TypeVar

from pipelines.ops.errors import OpsError
from pipelines.ops.repository import ObjectStore, Passphrase, Repository, store_at
from pipelines.ops.repository.encryption import NoPassphraseError
from pipelines.ops.settings import OpsSettings

_OURS, _THEIRS = "SYNAPSE_PASSPHRASE", "SYNAPSE_COPY_PASSPHRASE"
OpenedT = TypeVar("OpenedT")
Ask = Callable[[], Passphrase | None]
"""Asks a person for the passphrase; None when nobody is there to be asked."""


def _nobody() -> None:
    return None


def with_passphrase(
    open_with: Callable[[Passphrase | None], OpenedT], given: Passphrase | None, ask: Ask
) -> OpenedT:
    """Open something with the passphrase that is given; without one, ask for it when it is needed."""
    try:
        return open_with(given)
    except NoPassphraseError:
        asked = ask()
        if asked is None:
            raise
        return open_with(asked)


def opened(settings: OpsSettings, *, store: ObjectStore | None = None, ask: Ask = _nobody) -> Repository:
    """Open the repository; a passphrase that no setting names is asked for when it is needed.

    `store` is its place where that is open already. See `Repository.open` for what it raises.
    """
    place = store or store_at(settings.repository)
    return with_passphrase(lambda phrase: Repository.open(place, phrase), settings.passphrase, ask)


def opened_copy(store: ObjectStore, settings: OpsSettings, ask: Ask = _nobody) -> Repository:
    """Open another repository with a passphrase of its own: what is raised names SYNAPSE_COPY_PASSPHRASE."""
    try:
        return with_passphrase(lambda phrase: Repository.open(store, phrase), settings.copy_passphrase, ask)
    except OpsError as error:
        if _OURS not in error.what + error.hint:
            raise
        renamed = (text.replace(_OURS, _THEIRS) for text in (error.what, error.hint))
        raise type(error)(*renamed) from error
