"""The command `synapse` and its subcommands."""

import json
import sys
from importlib.metadata import version
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from pipelines.ops.cli.backup import backup
from pipelines.ops.cli.copy import copy
from pipelines.ops.cli.demo import demo
from pipelines.ops.cli.diff import diff
from pipelines.ops.cli.doctor import doctor
from pipelines.ops.cli.forget import forget
from pipelines.ops.cli.image import image
from pipelines.ops.cli.import_ import import_backups
from pipelines.ops.cli.init import init
from pipelines.ops.cli.key import key
from pipelines.ops.cli.pins import pins
from pipelines.ops.cli.points import points
from pipelines.ops.cli.prune import prune
from pipelines.ops.cli.repair import repair
from pipelines.ops.cli.restore import restore
from pipelines.ops.cli.schedule import schedule
from pipelines.ops.cli.stats import stats
from pipelines.ops.cli.up import up
from pipelines.ops.cli.verify import verify
from pipelines.ops.errors import ExitCode

_HELP = "Add --help to the command to see what it takes, with examples."
EXIT_CODES = """
Exit codes: 0 done, 1 failed, 2 usage, 3 nothing to do or not found, 4 damaged data, 5 cannot reach,
6 refused by a safety check, 7 no Dagger engine, 130 interrupted.
"""
app = typer.Typer(
    name="synapse",
    help="Run Synapse, and save, prove and restore what it holds.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(epilog="Examples:  synapse backup  |  synapse backup --only redis --json")(backup)
app.command(epilog="Examples:  synapse up  |  synapse up --workers 4 --json")(up)
app.command(epilog="Examples:  synapse demo  |  synapse demo --folder /tmp/demo --json")(demo)
app.command("import", epilog="Example:  synapse import redis-20250101.aof faiss-indexes-20250101.tar.gz")(
    import_backups
)
app.command(epilog="Examples:  synapse init  |  synapse init --encrypt")(init)
app.add_typer(key, name="key")
app.add_typer(points, name="points")
app.add_typer(image, name="image")
app.add_typer(pins, name="pins")
app.command(
    epilog="Examples:  synapse restore latest --dry-run  |  synapse restore latest --yes"
    "  |  synapse restore 3f2a --into /tmp/look"
)(restore)
app.command(epilog="Examples:  synapse verify  |  synapse verify --all --level 2 --json")(verify)
app.command(
    epilog="Examples:  synapse forget --keep-daily 7 --keep-weekly 5 --dry-run  |  synapse forget 3f2a --yes"
)(forget)
app.command(epilog="Examples:  synapse schedule --check  |  synapse schedule --once backup --json")(schedule)
app.command(epilog="Examples:  synapse stats  |  synapse stats --json")(stats)
app.command(epilog="Examples:  synapse diff 3f2a  |  synapse diff 3f2a 7c01 --json")(diff)
app.command(
    epilog="Examples:  synapse copy /mnt/other --dry-run  |  synapse copy s3://bucket/prefix latest --json"
)(copy)
app.command(epilog="Examples:  synapse prune --dry-run  |  synapse prune --json")(prune)
app.command(epilog="Examples:  synapse repair --dry-run  |  synapse repair --from /mnt/other --yes --json")(
    repair
)
app.command(epilog="Examples:  synapse doctor  |  synapse doctor --json")(doctor)


@app.callback(invoke_without_command=True)
def main(
    *,
    show_version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Run Synapse, and save, prove and restore what it holds."""
    if show_version:
        typer.echo(version("synapse"))
        raise typer.Exit


def run() -> None:
    """Run the command line; the exit code is the one of the table, and `--json` always gives one document."""
    try:
        code = app(standalone_mode=False)
    except typer.TyperException as error:
        code = _misused(error)
    except typer.Abort:
        code = ExitCode.FAILED
    sys.exit(code)


def _misused(error: typer.TyperException) -> ExitCode:
    """Say what was wrong with the arguments, before any command began."""
    format_message = getattr(error, "format_message", None)
    what = str(format_message() if format_message else error)
    if not what:
        return ExitCode.USAGE  # nothing was asked for, and the help has been shown
    errors = Console(stderr=True, soft_wrap=True)
    errors.print(f"[bold red]Error:[/] {escape(what)}", highlight=False)
    errors.print(f"[bold]Remedy:[/] {escape(_HELP)}", highlight=False)
    if "--json" in sys.argv:
        sys.stdout.write(json.dumps({"error": {"what": what, "hint": _HELP}}) + "\n")
    return ExitCode.USAGE
