"""Open the repository that the settings name, with its passphrase where it is encrypted."""

from collections.abc import Callable

from pipelines.ops.repository import ObjectStore, Passphrase, Repository, store_at
from pipelines.ops.repository.encryption import NoPassphraseError
from pipelines.ops.settings import OpsSettings

Ask = Callable[[], Passphrase | None]
"""Asks a person for the passphrase; None when nobody is there to be asked."""


def _nobody() -> None:
    return None


def opened(settings: OpsSettings, *, store: ObjectStore | None = None, ask: Ask = _nobody) -> Repository:
    """Open the repository; a passphrase that no setting names is asked for when it is needed.

    `store` is its place where that is open already. See `Repository.open` for what it raises.
    """
    store = store or store_at(settings.repository)
    try:
        return Repository.open(store, settings.passphrase)
    except NoPassphraseError:
        asked = ask()
        if asked is None:
            raise
        return Repository.open(store, asked)
