"""`synapse up`: run Redis and the backend here, in the foreground, until Ctrl-C."""

import json
import os
from contextlib import suppress
from typing import Annotated

import typer

from pipelines.ops.cli.console import Output, guarded
from pipelines.ops.cli.here import settings_here
from pipelines.ops.cli.options import Json
from pipelines.ops.cli.signals import signals_noted
from pipelines.ops.cli.wiring import context
from pipelines.ops.localstack import LOGS, LocalStack
from pipelines.ops.localstack.page import with_page
from pipelines.ops.restore import journal as journals
from pipelines.ops.settings import OpsSettings


def up(
    *,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes that answer.")] = 1,
    as_json: Json = False,
) -> None:
    """Run Redis and the backend on this machine; Ctrl-C stops both."""
    with guarded(json=as_json) as output, signals_noted() as stopping:
        settings = with_page(settings_here())
        _end_restore(output, settings, running=False)
        stack = LocalStack(
            settings,
            os.environ,
            output.reporter,
            workers=workers,
            before_backend=lambda: _end_restore(output, stack.settings, running=True),
            stopping=stopping,
        )
        with stack:
            _announce(output, stack)
            with suppress(KeyboardInterrupt):
                stack.supervise()
        output.reporter.note("Everything is stopped.")


def _end_restore(output: Output, settings: OpsSettings, *, running: bool) -> None:
    """End an interrupted restore: one into a running Redis while it runs, any other while it does not."""
    journal = journals.read(settings.service.data_dir)
    if journal is not None and running == (journal.swap is not None):
        context(output, settings=settings)


def _announce(output: Output, stack: LocalStack) -> None:
    if output.json:
        # One line at once, for a program that waits for it while the command goes on.
        typer.echo(json.dumps(_data(stack), sort_keys=True))
    else:
        output.console.print(_text(stack), highlight=False, markup=False, soft_wrap=True)


def _data(stack: LocalStack) -> dict[str, object]:
    service = stack.settings.service
    return {
        "url": stack.url,
        "page": f"{stack.url}/" if service.page_dir else None,
        "docs": stack.docs_url,
        "health": f"{stack.url}/health",
        "redis": {"host": service.redis_host, "port": service.redis_port, "pid": stack.redis_pid},
        "backend_pid": stack.backend_pid,
        "data": str(service.data_dir.absolute()),
        "logs": str((service.data_dir / LOGS).absolute()),
    }


def _text(stack: LocalStack) -> str:
    service = stack.settings.service
    page = [f"  page          {stack.url}/" if service.page_dir else "  page          not built: `make page`"]
    login = ["  signing in    with the token in API_TOKEN"] if service.api_token else []
    return "\n".join(
        [
            "Synapse is up.",
            *page,
            *login,
            f"  API and docs  {stack.docs_url}",
            f"  health        {stack.url}/health",
            f"  Redis         {service.redis_host}:{service.redis_port}",
            f"  data          {service.data_dir.absolute()}",
            f"  logs          {(service.data_dir / LOGS).absolute()}",
            "Ctrl-C stops it; `synapse doctor` looks at it.",
        ]
    )
