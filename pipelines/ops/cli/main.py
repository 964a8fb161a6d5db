"""The command `synapse` and its subcommands."""

import json
import sys
from typing import Annotated

import typer

from pipelines.ops.cli.commands import Commands
from pipelines.ops.errors import ExitCode

_HELP = "Add --help to the command to see what it takes, with examples."
EXIT_CODES = """
Exit codes: 0 done, 1 failed, 2 usage, 3 nothing to do or not found, 4 damaged data, 5 cannot reach,
6 refused by a safety check, 7 no Dagger engine, 130 interrupted.
"""
app = typer.Typer(
    name="synapse",
    cls=Commands,
    help="Run Synapse, and save, prove and restore what it holds.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def main(
    *,
    show_version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Run Synapse, and save, prove and restore what it holds."""
    if show_version:
        from importlib.metadata import version  # noqa: PLC0415  # no command waits for it

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
    from rich.console import Console  # noqa: PLC0415  # what is understood waits for none of it
    from rich.markup import escape  # noqa: PLC0415  # as above

    errors = Console(stderr=True, soft_wrap=True)
    errors.print(f"[bold red]Error:[/] {escape(what)}", highlight=False)
    errors.print(f"[bold]Remedy:[/] {escape(_HELP)}", highlight=False)
    if "--json" in sys.argv:
        sys.stdout.write(json.dumps({"error": {"what": what, "hint": _HELP}}) + "\n")
    return ExitCode.USAGE
