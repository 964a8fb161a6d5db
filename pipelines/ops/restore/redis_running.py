"""A running Redis as one half of a restore: booted, checked, swapped, compared, put back if it must."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from app.stores.memory.address import RedisAddress
from pipelines.ops.context import Context
from pipelines.ops.errors import DamagedError, OpsError, RefusedError
from pipelines.ops.model import RedisDigest, RedisSource
from pipelines.ops.proof.live import live_digest
from pipelines.ops.proof.proving import digest_of
from pipelines.ops.redis.boot import boot, count_problems, program_for
from pipelines.ops.redis.connection import connect, is_closed, talking_to
from pipelines.ops.redis.digest import differences
from pipelines.ops.redis.facts import server_version
from pipelines.ops.redis.reach import own_address
from pipelines.ops.redis.scratch import ScratchServer
from pipelines.ops.restore import journal as journals
from pipelines.ops.restore import memory, rights, swap
from pipelines.ops.restore.journal import Journal, RedisSwap
from pipelines.ops.restore.memory import objections as memory_objections
from pipelines.ops.restore.pause import WritePause
from pipelines.ops.restore.target import Target, inspect, objections


@dataclass(frozen=True, slots=True)
class ReadyRedis:
    """A point booted and found right, beside the target that will take it."""

    address: RedisAddress
    target: Target
    master: ScratchServer
    expected: RedisDigest
    journal: RedisSwap


@dataclass(frozen=True, slots=True)
class Safety:
    """The AOF of the old data, on local disk."""

    folder: Path
    source: RedisSource


def look_at(address: RedisAddress, source: RedisSource) -> Target:
    """Inspect the running target. Raises RefusedError with an objection, UnreachableError for a right."""
    with talking_to(address), connect(address) as client:
        target = inspect(client)
        for what, hint in objections(target, source):
            raise RefusedError(what, hint)
        rights.check(client)
    return target


@contextmanager
def made_ready(
    work: Context, source: RedisSource, folder: Path, *, restore: str, known: RedisDigest | None
) -> Iterator[ReadyRedis]:
    """Boot the fetched AOF under `folder` where the target can reach it, compare it, and look at the target.

    `known` is the digest of the point's proof; without one it is taken here. Raises RefusedError or
    DamagedError before anything is touched.
    """
    address = work.settings.redis
    target = look_at(address, source)
    program = program_for(source, work.scratch, master_of=target.version)
    own = work.settings.scratch_address or own_address(address)
    with ExitStack() as stack:
        with work.watch.step("Boot the point in a scratch server"):
            server = stack.enter_context(boot(source, folder, program, work.scratch, reachable=own))
        for problem in count_problems(source, server):
            raise DamagedError(f"The restore point is not what its manifest says: {problem}.", _OTHER_POINT)
        used, limit = int(server.client.info("memory")["used_memory"]), work.settings.redis_memory_limit
        for what, hint in memory_objections(target, used, limit):
            raise RefusedError(what, hint)
        expected = known or digest_of(work, server, "Digest the point")
        yield ReadyRedis(
            address=address,
            target=target,
            master=server,
            expected=expected,
            journal=RedisSwap(
                host=address.host,
                port=address.port,
                master_port=server.port,
                configuration=target.configuration,
                marker=swap.mark(server.client, restore),
            ),
        )


def load(work: Context, ready: ReadyRedis, pause: WritePause) -> None:
    """Make the paused target swap its data and put it on its disk."""
    with work.watch.step("Swap the data of Redis"):
        swap.replicate(ready.address, ready.master, ready.journal, pause)


def compare(work: Context, address: RedisAddress, expected: RedisDigest) -> None:
    """Capture the target again, boot that, and raise DamagedError unless its digest is the expected one."""
    found = live_digest(
        work, address, reading="Read the new data back from Redis", comparing="Compare it with the point"
    )
    problems = differences(expected, found)
    if problems:
        raise DamagedError(f"Redis does not hold what the point holds: {'; '.join(problems)}.", _VERIFY)


def check_memory(ready: ReadyRedis, pause: WritePause) -> None:
    """Raise RefusedError when the paused target would drop keys as soon as it may."""
    with talking_to(ready.address), pause.joined() as client:
        memory.check(client, pause)


def put_back(work: Context, journal: Journal, safety: Safety, pause: WritePause) -> None:
    """Swap the old data into a paused target that holds the new; the journal names its master first."""
    if journal.swap is None:
        return
    address = address_of(work, journal.swap)
    with talking_to(address), pause.joined() as client:
        version = server_version(client)
    program = program_for(safety.source, work.scratch, master_of=version)
    own = work.settings.scratch_address or own_address(address)
    with boot(safety.source, safety.folder, program, work.scratch, reachable=own) as server:
        back = journal.swap.model_copy(
            update={
                "marker": swap.mark(server.client, f"{journal.restore}_undone"),
                "master_port": server.port,
            }
        )
        # The mark of the new data stays in the journal: what does not carry it is the old data.
        noted = journal.swap.model_copy(update={"master_port": server.port})
        journals.write(work.data_dir, journal.model_copy(update={"swap": noted}))
        swap.replicate(address, server, back, pause)


def address_of(work: Context, swapped: RedisSwap) -> RedisAddress:
    """Return the journal's target, with the login of the settings."""
    return replace(work.settings.redis, host=swapped.host, port=swapped.port)


def listens(address: RedisAddress) -> bool:
    """Say whether a Redis is there; False only when its port is closed.

    Raises UnreachableError when that cannot be told (it hangs, or the way to it is cut) or it lets nobody in.
    """
    try:
        with talking_to(address), connect(address, timeout=_PING_S) as client:
            client.ping()
    except OpsError as error:
        if is_closed(error):
            return False
        raise
    return True


_PING_S = 5.0
_OTHER_POINT = "Use another restore point; `synapse verify` tells which are good."
_VERIFY = "Run `synapse verify` on the point, and look at the log and the memory of Redis."
