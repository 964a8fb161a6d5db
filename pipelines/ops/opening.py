"""Open the repository that the settings name, with its passphrase where it is encrypted."""

from collections.abc import Callable
from typing import TypeVar

from pipelines.ops.repository import ObjectStore, Passphrase, Repository, store_at
from pipelines.ops.repository.encryption import NoPassphraseError
from pipelines.ops.settings import OpsSettings

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
