"""Publish exactly the images that passed every gate.

`dagger run python pipelines/release.py --registry registry.example/team --tag 1.2.3`
"""

import argparse
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

try:
    from pipelines.ci import STEPS, gates
    from pipelines.dag.arguments import Options, take_start_limit
    from pipelines.dag.commands import pins, push
    from pipelines.dag.errors import JobError, RefusedJobError
    from pipelines.dag.job import Job, main
    from pipelines.dag.pinned import unpinned
    from pipelines.dag.plan import Plan, Step, planned
    from pipelines.dag.platforms import take_platforms, untried
    from pipelines.dag.registries import check_place
    from pipelines.dag.running import Action
    from pipelines.dag.session import Session
    from pipelines.dag.tree import of_another_commit, uncommitted
except ModuleNotFoundError as missing:
    sys.exit(f"This Python lacks {missing.name}. Type: make pipelines && . .venv/bin/activate")

PINS = Step(
    "pins",
    "every image that others build is the pinned one, by its digest",
    inputs=("the sources",),
    commands=(pins(),),
    limit_s=60,
    gate=True,
)


def plan(options: Options) -> Plan:
    """Return the look at the pins, every gate of ci.py after it, and the publication after all."""
    more = options.more
    image = f"{more.registry or '{registry}'}/synapse-{{image}}"
    tags, moving = more.tag or ["{tag}"], more.move
    pushed = partial(push, image, plain=more.plain_http, login=None)
    publish = Step(
        "publish",
        f"push the tested images by digest, and when all are there under their tags{untried(more.platform)}",
        (PINS.name, *(step.name for step in STEPS if step.gate)),
        ("the images of this commit",),
        effects=(f"{image} for backend, ops, frontend: {', '.join([*tags, *moving])}",),
        commands=(pushed((), free=tags), pushed(tags), *([pushed(moving, move=True)] if moving else [])),
        limit_s=1800,
    )
    gates = (replace(step, needs=(PINS.name, *step.needs)) for step in STEPS)
    refused = "; ".join(unpinned(Path.cwd(), os.environ))
    look = replace(PINS, does=f"{PINS.does}; REFUSED: {refused}") if refused else PINS
    return planned("release", (look, *gates, publish))


def check(options: Options, planned: Plan) -> None:
    """Refuse what no gate has to run for: a gate left out, a wrong tag, another base, a dirty tree.

    Raises JobError.
    """
    missing = [step.name for step in planned.steps if step.gate and step.name in planned.skipped]
    if missing:
        raise RefusedJobError(
            f"A release needs every gate; {', '.join(missing)} would be left out.",
            "Take back --skip and --only, or run pipelines/ci.py for a part.",
        )
    if not options.more.registry or not options.more.tag:
        raise JobError(
            "A release needs a registry and a tag.", "Add --registry registry.example/team --tag 1.2.3"
        )
    check_place(options.more.registry, (*options.more.tag, *options.more.move))
    others = of_another_commit(Path.cwd(), options.more.tag)
    if others:
        raise RefusedJobError(
            f"{', '.join(others)} is a tag of another commit than this one.",
            f"Check that commit out (git checkout {others[0]}), or choose another tag.",
        )
    others = unpinned(Path.cwd(), os.environ)
    if others:
        raise RefusedJobError(
            f"{'; '.join(others)}.", "Name the pinned image by its digest (name@sha256:...), or unset it."
        )
    changed = uncommitted(Path.cwd())
    if changed:
        raise RefusedJobError(
            f"The tree is dirty: {', '.join(changed[:5])}.", "Commit or put away what is not in a commit."
        )


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add where to publish."""
    parser.add_argument("--registry", metavar="PREFIX", help="such as registry.example/team")
    parser.add_argument(
        "--tag", action="append", default=[], metavar="TAG", help="may be given several times"
    )
    parser.add_argument(
        "--move",
        action="append",
        default=[],
        metavar="TAG",
        help="a tag that goes over from the last release, such as latest",
    )
    parser.add_argument("--plain-http", action="store_true", help="the registry has no TLS")
    take_platforms(parser)
    take_start_limit(parser)


def actions(session: Session) -> Mapping[str, Action]:
    """Return what each step does."""
    from pipelines.dag.publish import (  # noqa: PLC0415  # the plan needs no SDK
        pinned,
        publish,
        registry_at,
    )

    more = session.options.more
    registry = registry_at(session, more.registry, plain=more.plain_http)
    publication = partial(publish, session, registry, more.tag, more.move)
    return {PINS.name: partial(pinned, session), **gates(session), "publish": publication}


RELEASE = Job(
    "release",
    "Run every gate, and publish exactly the images that passed them.",
    plan,
    actions,
    arguments,
    check,
)

if __name__ == "__main__":
    main(RELEASE)
