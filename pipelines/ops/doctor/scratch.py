"""Scratch servers: this machine has a program that boots what is saved and can hand it to the target."""

from collections.abc import Iterator
from contextlib import suppress

from pipelines.ops.doctor.check import Finding, Subject, green, red
from pipelines.ops.errors import OpsError
from pipelines.ops.redis.connection import connect, talking_to
from pipelines.ops.redis.facts import ServerVersion, server_version
from pipelines.ops.redis.programs import choose, installed_programs
from pipelines.ops.redis.scratch import ScratchServer
from pipelines.ops.spools import PREFIX, held_folder

_NAME = "scratch server"
_REPLY_S = 5.0


def look_at_scratch(subject: Subject) -> Iterator[Finding]:
    """Boot an empty server of the version that a restore would use."""
    settings = subject.settings
    target = _target(subject)
    program = choose(
        installed_programs(settings.server),
        lambda version: target is None or version.can_replicate_to(target),
        purpose=f"hand a restore point to {target}" if target else "boot a restore point",
    )
    try:
        with (
            held_folder(settings.scratch, f"{PREFIX}doctor-") as folder,
            ScratchServer(program, folder / "redis"),
        ):
            pass
    except OSError as error:
        yield red(
            _NAME,
            f"no scratch folder can be made in {settings.scratch} ({error.strerror})",
            "Set SYNAPSE_SCRATCH_DIR to a folder with room.",
        )
    else:
        serves = f"and can serve {target}" if target else "(the target's version is not known)"
        yield green(_NAME, f"{program.version} boots {serves}")


def _target(subject: Subject) -> ServerVersion | None:
    address = subject.settings.redis
    # A target that does not answer has its own line.
    with suppress(OpsError), talking_to(address), connect(address, timeout=_REPLY_S) as client:
        return server_version(client)
    return None
