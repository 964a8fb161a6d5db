"""`synapse init`: make a repository, plain or encrypted."""

from typing import Annotated

import typer

from pipelines.ops.cli.console import guarded
from pipelines.ops.cli.here import settings_here
from pipelines.ops.cli.options import Json
from pipelines.ops.cli.passphrases import FINAL, new_passphrase
from pipelines.ops.errors import RefusedError, UsageError
from pipelines.ops.repository import ObjectStore, Repository, store_at
from pipelines.ops.repository.config import KEY

Encrypt = Annotated[
    bool,
    typer.Option("--encrypt", help="Encrypt it under a passphrase: SYNAPSE_PASSPHRASE_FILE, or asked for."),
]


def init(*, encrypt: Encrypt = False, as_json: Json = False) -> None:
    """Make the repository that SYNAPSE_REPOSITORY names. `synapse backup` makes one too, if there is none."""
    with guarded(json=as_json) as output:
        settings = settings_here()
        store = store_at(settings.repository, output.reporter.note)
        _refuse_taken(store)
        if settings.passphrase is not None and not encrypt:
            raise UsageError(
                "A passphrase is set, but the repository was not to be encrypted.",
                "Add --encrypt, or take SYNAPSE_PASSPHRASE(_FILE) away.",
            )
        passphrase = None
        if encrypt:
            output.reporter.note(FINAL)
            passphrase = new_passphrase(settings.passphrase, "SYNAPSE_PASSPHRASE")
        made = Repository.create(store, passphrase=passphrase)
        kind = "An encrypted repository" if encrypt else "A repository, not encrypted,"
        output.result(
            {"place": store.place, "id": str(made.config.id), "encrypted": encrypt},
            f"{kind} was made in {store.place}.",
        )


def _refuse_taken(store: ObjectStore) -> None:
    """Say it before anybody thinks of a passphrase."""
    if store.size(KEY) is not None:
        raise RefusedError(
            f"There is a repository in {store.place} already, and it stays as it is.",
            "For another one, plain or encrypted, name a new place in SYNAPSE_REPOSITORY.",
        )
