"""The machine that the tests run on, and how their results are read."""

import dagger

from pipelines.dag.errors import StepError
from pipelines.dag.executing import LAST, fresh, ran
from pipelines.dag.images import bases
from pipelines.dag.running import Finding
from pipelines.dag.session import Session
from pipelines.dag.source import sources
from pipelines.dag.suites import counted

_NEEDED = [
    *("tests/Dockerfile", "requirements*.lock", "pyproject.toml", "Makefile"),
    *("frontend/page.mk", "frontend/package.json", "frontend/package-lock.json", "frontend/.npmrc"),
]


def machine(session: Session) -> dagger.Container:
    """Return a container with the tools and locked packages of the tests, and the sources."""
    arguments = bases(session, ("PYTHON_IMAGE", "GO_IMAGE"))
    made = sources(session, _NEEDED).docker_build(dockerfile="tests/Dockerfile", build_args=arguments)
    return made.with_directory("/work", sources(session)).with_exec(["make", ".venv/.dev"])


async def make(session: Session, target: str) -> Finding:
    """Run a target of the Makefile; the engine answers from its cache when nothing it reads has changed."""
    await ran(machine(session).with_exec(["make", target]))
    return Finding(f"make {target}")


async def suite(
    session: Session, name: str, container: dagger.Container, arguments: tuple[str, ...]
) -> Finding:
    """Run pytest, never from the cache; lay its JUnit file into the reports.

    No test at all is a failure, and so is one that was not checked though it could have been.
    """
    inside = f"/reports/{name}.xml"
    command = [".venv/bin/pytest", *arguments, f"--junitxml={inside}", "--color=no"]
    done = fresh(session, container).with_exec(command, expect=dagger.ReturnType.ANY)
    code, output = await done.exit_code(), await done.stdout()
    kept = session.reports / f"junit-{name}.xml"
    kept.unlink(missing_ok=True)
    try:
        await done.file(inside).export(str(kept))
    except dagger.QueryError as error:
        raise StepError(
            f"pytest ended with code {code} and left no results", output=output[-LAST:]
        ) from error
    told, end = counted(kept), output[-LAST:]
    if told.bad or code:
        raise StepError(
            f"{told.bad} of {told.passed + told.bad} tests failed (pytest code {code})", output=end
        )
    if told.passed == 0:
        raise StepError(f"no test ran ({told.skipped} skipped)", output=end)
    if told.lacking:
        raise StepError(f"{told.passed} passed, but {'; '.join(told.lacking)}", output=end)
    return Finding(f"{told.passed} passed, {told.skipped} skipped", told.figures())
