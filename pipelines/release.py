"""Publish exactly the images that passed every gate.

`dagger run python pipelines/release.py --registry registry.example/team --tag 1.2.3`
"""

import argparse
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

try:
    from pipelines.ci import STEPS, gates
    from pipelines.dag.arguments import Options
    from pipelines.dag.commands import push
    from pipelines.dag.errors import JobError, RefusedJobError
    from pipelines.dag.job import Job, main
    from pipelines.dag.plan import Plan, Step, planned
    from pipelines.dag.registries import check_place
    from pipelines.dag.running import Action
    from pipelines.dag.session import Session
    from pipelines.dag.tree import uncommitted
except ModuleNotFoundError as missing:
    sys.exit(f"This Python lacks {missing.name}. Type: make pipelines && . .venv/bin/activate")


def plan(options: Options) -> Plan:
    """Every gate of ci.py, and the publication after all of them."""
    registry, tags = options.more.registry or "{registry}", options.more.tag or ["{tag}"]
    publish = Step(
        "publish",
        "push the tested images by digest, then under their tags",
        tuple(step.name for step in STEPS if step.gate),
        ("the images of this commit",),
        effects=(f"{registry}/synapse-{{backend,ops,frontend}}: {', '.join(tags)}",),
        commands=(push(f"{registry}/synapse-{{image}}", tags, plain=options.more.plain_http, login=None),),
        limit_s=1800,
    )
    return planned("release", (*STEPS, publish))


def check(options: Options, planned: Plan) -> None:
    """Refuse a release that lacks a gate or whose sources are in no commit. Raises JobError."""
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
    check_place(options.more.registry, options.more.tag)
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
    parser.add_argument("--plain-http", action="store_true", help="the registry has no TLS")
    parser.add_argument(
        "--platform",
        action="append",
        default=[],
        metavar="OS/ARCH",
        help="such as linux/arm64; several give one image",
    )


def actions(session: Session) -> Mapping[str, Action]:
    """Return what each step does."""
    from pipelines.dag.publish import Registry, publish, registry_login  # noqa: PLC0415  # the plan needs no SDK

    more = session.options.more
    registry = Registry(more.registry, plain=more.plain_http, login=registry_login(session))
    return {**gates(session), "publish": partial(publish, session, registry, more.tag)}


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
