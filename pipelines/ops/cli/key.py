"""`synapse key`: the passphrases that open an encrypted repository."""

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from pipelines.ops.cli.console import Output, guarded
from pipelines.ops.cli.here import settings_here
from pipelines.ops.cli.options import Json
from pipelines.ops.cli.passphrases import asked_passphrase, new_passphrase
from pipelines.ops.opening import with_passphrase
from pipelines.ops.repository import store_at
from pipelines.ops.repository.keyring import KeyRef, Keyring
from pipelines.ops.settings import OpsSettings

NEW = "SYNAPSE_NEW_PASSPHRASE"
KEPT = (
    "Who knew it may have kept the repository's own key, and a copy of the repository from before still opens"
    " with it."
    " To shut somebody out for certain, make a new repository and take new restore points."
)
key = typer.Typer(help="The passphrases of an encrypted repository.", no_args_is_help=True)
Name = Annotated[str, typer.Option("--name", help="Whose it is, or what for; it is stored encrypted.")]


@key.command("list", epilog="Examples:  synapse key list  |  synapse key list --json")
def list_keys(*, as_json: Json = False) -> None:
    """List the passphrases by name; each opens the whole repository."""
    with guarded(json=as_json) as output:
        ring = _opened(settings_here(), output)
        keys, problems = ring.listed(), ring.problems()
        output.show(_table(keys))
        for problem in problems:
            output.reporter.note(problem)
        if output.json:
            output.result({"keys": [_row(one) for one in keys], "problems": problems})


@key.command("add", epilog="Example:  synapse key add --name machine-2")
def add_key(*, name: Name = "another", as_json: Json = False) -> None:
    """Let another passphrase open the repository: SYNAPSE_NEW_PASSPHRASE_FILE, or asked for."""
    with guarded(json=as_json) as output:
        settings = settings_here()
        ring = _opened(settings, output)
        made = ring.add(new_passphrase(settings.new_passphrase, NEW), name)
        output.result(_row(made), f"The key {made.short} ({name}) opens the repository too.")


@key.command("change", epilog="Example:  synapse key change")
def change_key(*, as_json: Json = False) -> None:
    """Put a new passphrase in place of the one that opened: SYNAPSE_NEW_PASSPHRASE_FILE, or asked for."""
    with guarded(json=as_json) as output:
        settings = settings_here()
        ring = _opened(settings, output)
        made = ring.change(new_passphrase(settings.new_passphrase, NEW))
        output.result(
            {**_row(made), "note": KEPT},
            f"The new passphrase opens the repository, the old one no longer. {KEPT}",
        )


@key.command("remove", epilog="Example:  synapse key remove 3f2a")
def remove_key(
    identity: Annotated[str, typer.Argument(help="The first digits of its id, or its name.")],
    *,
    as_json: Json = False,
) -> None:
    """Take a passphrase away; the last one is refused."""
    with guarded(json=as_json) as output:
        ring = _opened(settings_here(), output)
        meant = ring.resolve(identity)
        ring.remove(meant.id)
        output.result({**_row(meant), "note": KEPT}, f"The key {meant.short} is gone. {KEPT}")


def _opened(settings: OpsSettings, output: Output) -> Keyring:
    store = store_at(settings.repository, output.reporter.note)
    return with_passphrase(lambda phrase: Keyring.open(store, phrase), settings.passphrase, asked_passphrase)


def _row(one: KeyRef) -> dict[str, object]:
    return {
        "id": one.id,
        "name": one.about.name,
        "host": one.about.host,
        "made": one.about.made.isoformat(),
        "opened": one.mine,
        "leaving": one.leaving,
    }


def _table(keys: list[KeyRef]) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("key", "name", "made (UTC)", "on", ""):
        table.add_column(title, no_wrap=title == "key")
    for one in keys:
        said = "opened with it" if one.mine else ""
        if one.leaving:
            said = f"{said} its removal was begun: remove it again".strip()
        table.add_row(
            one.short,
            escape(one.about.name),
            f"{one.about.made:%Y-%m-%d %H:%M}",
            escape(one.about.host),
            said,
        )
    return table
