"""The machine that the tests run on, and how their results are read."""

from pathlib import Path
from xml.etree import ElementTree as ET

import dagger

from pipelines.dag.errors import StepError
from pipelines.dag.executing import LAST, fresh, ran
from pipelines.dag.images import bases
from pipelines.dag.running import Finding
from pipelines.dag.session import Session
from pipelines.dag.source import sources

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
    """Run pytest, never from the cache; lay its JUnit file into the reports. No test at all is a failure."""
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
    passed, bad, skipped = counted(kept)
    figures = {"passed": passed, "failed": bad, "skipped": skipped}
    if bad or code:
        raise StepError(f"{bad} of {passed + bad} tests failed (pytest code {code})", output=output[-LAST:])
    if passed == 0:
        raise StepError(f"no test ran ({skipped} skipped)", output=output[-LAST:])
    return Finding(f"{passed} passed, {skipped} skipped", figures)


def counted(path: Path) -> tuple[int, int, int]:
    """Return how many tests of a JUnit file passed, failed and were skipped. Raises StepError."""
    try:
        suites = list(ET.parse(path).getroot().iter("testsuite"))  # noqa: S314  # pytest's own file
        totals = [
            sum(int(found.get(key, 0)) for found in suites)
            for key in ("tests", "failures", "errors", "skipped")
        ]
    except (OSError, ET.ParseError, ValueError) as error:
        raise StepError(f"{path.name} is no JUnit file: {error}") from error
    tests, failures, errors, skipped = totals
    return tests - failures - errors - skipped, failures + errors, skipped
