"""Run a job from its command line: show its plan, or carry it out and leave the reports."""

import argparse
import json
import os
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

import anyio

from pipelines.dag.arguments import Options, parser, read
from pipelines.dag.console import Console
from pipelines.dag.errors import INSTALL, JobError, JobExit
from pipelines.dag.interrupts import interrupts
from pipelines.dag.pinned import used
from pipelines.dag.plan import Plan, described, in_words, selected
from pipelines.dag.report import JobReport, as_data, begin, write
from pipelines.dag.running import Action, State, run_plan, unended
from pipelines.dag.session import Session
from pipelines.dag.tree import facts_of

_PACKAGES = ("dagger", "boto3")


@dataclass(frozen=True, slots=True)
class Job:
    """A job: `plan` is pure; `actions` imports what needs the engine, and gives one action for each step.

    `arguments` adds the job's own options; `check` refuses what must not even begin (RefusedJobError).
    """

    name: str
    purpose: str
    plan: Callable[[Options], Plan]
    actions: Callable[[Session], Mapping[str, Action]]
    arguments: Callable[[argparse.ArgumentParser], None] = lambda _parser: None
    check: Callable[[Options, Plan], None] = lambda _options, _plan: None


def main(job: Job, arguments: Sequence[str] | None = None) -> NoReturn:
    """Do what was typed and end the process with the job's exit code."""
    made = parser(job.name, job.purpose)
    job.arguments(made)
    typed = sys.argv[1:] if arguments is None else arguments
    console = Console(sys.stderr, sys.stdout, time.monotonic)
    try:
        code = _done(job, read(made, typed), console)
    except JobError as error:
        console.wrong(error, as_json="--json" in typed)
        code = error.code
    except KeyboardInterrupt:
        code = JobExit.INTERRUPTED
    sys.exit(code)


def _done(job: Job, options: Options, console: Console) -> int:
    plan = selected(job.plan(options), only=options.only, skip=options.skip)
    if options.plan:
        console.result(json.dumps(described(plan), indent=2) if options.json else in_words(plan))
        return JobExit.DONE
    facts: dict[str, object] = {**facts_of(Path.cwd()), **used(Path.cwd(), os.environ)}
    # Else an earlier run's reports would be taken for this one's.
    begin(job.name, facts, options.reports)
    try:
        job.check(options, plan)
        _check_packages()
        report = anyio.run(_carried_out, job, options, plan, console, facts)
    except JobError as error:
        rest = unended(plan, State.NOT_RUN, f"{error.what} {error.hint}", error.code)
        write(JobReport(job.name, facts, rest, 0), options.reports)
        raise
    write(report, options.reports)
    console.ended(report, options.reports, as_json=options.json)
    if options.json:
        console.result(json.dumps(as_data(report), indent=2))
    return report.code


async def _carried_out(
    job: Job, options: Options, plan: Plan, console: Console, known: Mapping[str, object]
) -> JobReport:
    """Open the session, run the steps, and end them when somebody interrupts."""
    began = time.monotonic()
    with interrupts() as stop:
        from pipelines.dag.engine import (  # noqa: PLC0415  # the plan is shown without the SDK
            VERSION,
            connected,
            told_of_loss,
        )

        facts: dict[str, object] = {"dagger": VERSION, **known}
        results = unended(plan, State.INTERRUPTED, "interrupted", JobExit.INTERRUPTED)
        async with AsyncExitStack() as closing:
            client = None
            with stop():
                client = await closing.enter_async_context(connected())
            if client is not None:
                session = Session(client, uuid.uuid4().hex, Path.cwd(), options, dict(os.environ))
                actions = {name: told_of_loss(action) for name, action in job.actions(session).items()}
                results = await run_plan(plan, actions, time.monotonic, console.step, stop())
                facts = {"run": session.run_id, **facts, **session.facts}
    return JobReport(job.name, facts, results, time.monotonic() - began)


def _check_packages() -> None:
    missing = [name for name in _PACKAGES if find_spec(name) is None]
    if missing:
        raise JobError(f"This Python lacks {' and '.join(missing)}.", f"Type: {INSTALL}")
