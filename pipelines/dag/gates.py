"""What the steps of ci.py do."""

from collections.abc import Mapping
from functools import partial

from pipelines.dag.drills import asking, drill
from pipelines.dag.images import digested, tested_images
from pipelines.dag.machine import machine, make, suite
from pipelines.dag.own import Own
from pipelines.dag.publish import rehearse
from pipelines.dag.running import Action, Finding
from pipelines.dag.s3 import S3_SERVER, throw_away_bucket
from pipelines.dag.session import Session
from pipelines.dag.stack import running_stack

_SHORT = ("-n", "2", "-m", "not soak and not bench")
_LARGEST = "50000"
"""Bytes of a document: what the tests of the page call too large."""
_UNIT = ("tests/app", "tests/contracts", "tests/dag")


def actions(session: Session) -> Mapping[str, Action]:
    """Return what each step of ci.py does."""
    return {
        "check": partial(make, session, "check"),
        "page": partial(make, session, "page-tests"),
        "unit": partial(_tests, session, "unit", *_UNIT),
        "integration": partial(
            _tests,
            session,
            "integration",
            "tests",
            *(f"--ignore={folder}" for folder in ("tests/stack", *_UNIT)),
        ),
        "image-backend": partial(digested, session, "backend"),
        "image-ops": partial(digested, session, "ops"),
        "image-frontend": partial(digested, session, "frontend"),
        "site": partial(_site, session),
        "drill-folder": partial(_drill_folder, session),
        "drill-s3": partial(_drill_s3, session),
        "rehearse": partial(rehearse, session),
    }


async def _tests(session: Session, name: str, *where: str) -> Finding:
    # Built before the tests' own time runs.
    container = machine(session).with_exec([*S3_SERVER]).with_exec(["make", "page"])
    return await suite(session, name, container.with_env_variable("CI", "true"), (*_SHORT, *where))


async def _site(session: Session) -> Finding:
    """Run the tests of a served stack against the images of this commit."""
    images = await tested_images(session)
    async with running_stack(session, images, "site", Own({"MAX_DOCUMENT_BYTES": _LARGEST})) as stack:
        return await suite(session, "site", asking(session, stack), ("-n", "0", "tests/served"))


async def _drill_folder(session: Session) -> Finding:
    return await drill(session, await tested_images(session), "drill-folder", lambda ops: ops)


async def _drill_s3(session: Session) -> Finding:
    images = await tested_images(session)
    async with throw_away_bucket(session, "drill-s3") as placed:
        return await drill(session, images, "drill-s3", placed)
