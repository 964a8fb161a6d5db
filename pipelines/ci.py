"""Everything that a commit must pass: `dagger run python pipelines/ci.py`."""

import sys
from collections.abc import Mapping
from dataclasses import replace

try:
    from pipelines.dag.arguments import take_start_limit
    from pipelines.dag.commands import SITE, backup, digest, normalise, push, restore, served, verify
    from pipelines.dag.job import Job, main
    from pipelines.dag.plan import Step, planned
    from pipelines.dag.running import Action
    from pipelines.dag.session import Session
except ModuleNotFoundError as missing:
    sys.exit(f"This Python lacks {missing.name}. Type: make pipelines && . .venv/bin/activate")

IMAGES = ("image-backend", "image-ops", "image-frontend")
_SOURCES = ("the sources",)
_BUILT = ("the images of this commit",)

STEPS = (
    Step("check", "format, lint, import contracts, types", (), _SOURCES, limit_s=1500, gate=True),
    Step("page", "the page's unit tests", (), _SOURCES, limit_s=1200, gate=True),
    Step(
        "unit", "tests of the service, the pipelines and the contracts", (), _SOURCES, limit_s=1200, gate=True
    ),
    Step(
        "integration", "tests on real servers, in a browser, of damage", (), _SOURCES, limit_s=2400, gate=True
    ),
    *(
        Step(
            name,
            f"build the image {name.removeprefix('image-')} and make it a function of the commit",
            (),
            _SOURCES,
            commands=(normalise(), digest()),
            limit_s=1200,
            gate=True,
        )
        for name in IMAGES
    ),
    Step("site", "the stack of these images: API and browser tests through nginx", IMAGES, _BUILT, gate=True),
    *(
        Step(
            name,
            f"fill a stack, back it up {where}, destroy it, restore into an empty one",
            IMAGES,
            _BUILT,
            commands=(backup(), verify(), restore("{point}", safety=False), served("{point}", SITE)),
            gate=True,
        )
        for name, where in (("drill-folder", "into a folder"), ("drill-s3", "to a throw-away S3 server"))
    ),
    Step(
        "rehearse",
        "publish to a throw-away registry",
        IMAGES,
        _BUILT,
        commands=(
            push("registry:5000/synapse-{image}", (), plain=True, login=None, free=("rehearsal",)),
            push("registry:5000/synapse-{image}", ("rehearsal",), plain=True, login=None),
        ),
        gate=True,
    ),
)


def gates(session: Session) -> Mapping[str, Action]:
    """Return what each step does."""
    from pipelines.dag import gates as gate  # noqa: PLC0415  # the plan is shown without the SDK

    return gate.actions(session)


def to_any_tree(session: Session) -> Mapping[str, Action]:
    """Return the same for a tree with changes too: only a release publishes, and refuses such a tree."""
    return gates(replace(session, any_tree=True))


CI = Job(
    "ci",
    "Check, test, build, run and rehearse everything that a commit must pass.",
    lambda _options: planned("ci", STEPS),
    to_any_tree,
    take_start_limit,
)

if __name__ == "__main__":
    main(CI)
