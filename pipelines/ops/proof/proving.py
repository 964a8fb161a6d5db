"""Check a restore point at one of three levels and keep the result in the repository."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pipelines.ops.capture.faiss_proof import prove_faiss
from pipelines.ops.confine import hand_over
from pipelines.ops.context import Context, software
from pipelines.ops.errors import DamagedError
from pipelines.ops.model import FaissSource, Proof, RedisDigest, RedisSource, RestorePoint, SourceProof
from pipelines.ops.redis.boot import boot, count_problems, program_for
from pipelines.ops.redis.digest import differences, digest
from pipelines.ops.redis.scratch import ScratchServer
from pipelines.ops.repository import PointRef

Level = Literal[1, 2, 3]
FACT_RESTORE = "restore_seconds"
"""Fetch and boot or load, as a restore needs them; the comparison is not in it."""


@dataclass(slots=True)
class _Finding:
    """What one source's check found so far."""

    source: Literal["redis", "faiss"]
    digest: RedisDigest | None = None
    facts: dict[str, str | int | float | None] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def written(self) -> SourceProof:
        return SourceProof(
            source=self.source, digest=self.digest, facts=self.facts, problems=tuple(self.problems)
        )


def prove(work: Context, ref: PointRef, level: Level, right: set[bytes] | None = None) -> Proof:
    """Check a point and add the proof to the repository; a bad point gives a bad proof, not an error.

    `right` is one set for points that are checked in one go: see `Repository.check_bytes`.
    Errors of this machine (no server program, no room) raise OpsError and leave no proof.
    """
    started, clock = work.now(), work.watch.clock
    began = clock()
    problems: list[str] = []
    sources: list[SourceProof] = []
    try:
        point = work.repository.load(ref)
    except DamagedError as error:
        problems.append(error.what)
    else:
        problems += _stored(work, point, level, right)
        if level == 3 and not problems:  # noqa: PLR2004  # the level's number, as people say it
            sources = list(_booted(work, ref, point))
    proof = Proof(
        point=ref.id,
        level=level,
        good=not problems and not any(source.problems for source in sources),
        started=started,
        seconds=round(clock() - began, 3),
        software=software(),
        sources=tuple(sources),
        problems=tuple(problems),
    )
    work.repository.add_proof(proof)
    return proof


def known_digest(work: Context, point_id: str) -> RedisDigest | None:
    """Return the digest that the newest good boot of a point gave, or None."""
    for proof in reversed(work.repository.proofs(point_id)):
        for source in proof.sources if proof.good else ():
            if source.digest is not None:
                return source.digest
    return None


def _stored(work: Context, point: RestorePoint, level: Level, right: set[bytes] | None) -> list[str]:
    """Level 1 always; level 2 where it is asked for, as level 3 reads every byte anyway."""
    with work.watch.step("Look for every object"):
        problems = work.repository.check_present(point)
    if level == 2 and not problems:  # noqa: PLR2004  # as above
        size = sum(entry.size for source in (point.redis, point.faiss) if source for entry in source.files)
        with work.watch.step("Hash every byte", total=size) as advance:
            problems = work.repository.check_bytes(point, advance, right)
    return problems


def _booted(work: Context, ref: PointRef, point: RestorePoint) -> Iterator[SourceProof]:
    with work.spool("proof") as spool:
        if point.redis is not None:
            yield _of_redis(work, point.redis, spool / "redis", known_digest(work, ref.id))
        if point.faiss is not None:
            yield _of_faiss(work, point.faiss, spool / "faiss")


def _of_redis(work: Context, source: RedisSource, folder: Path, known: RedisDigest | None) -> SourceProof:
    finding = _Finding("redis")
    program = program_for(source, work.scratch)
    finding.facts["server"] = str(program.version)
    with _problems_into(finding):
        began = work.watch.clock()
        fetch(work, source, folder)
        with ExitStack() as stack:
            with work.watch.step("Boot Redis from the point"):
                server = stack.enter_context(boot(source, folder, program, work.scratch))
            finding.facts[FACT_RESTORE] = round(work.watch.clock() - began, 3)
            finding.problems += count_problems(source, server)
            finding.digest = digest_of(work, server, "Digest every key")
            finding.facts["keys"] = sum(finding.digest.databases.values()) + sum(
                count for _, _, count, _ in finding.digest.volatile.buckets
            )
        if known is not None:
            finding.problems += differences(known, finding.digest)
    return finding.written()


def _of_faiss(work: Context, source: FaissSource, folder: Path) -> SourceProof:
    finding = _Finding("faiss")
    with _problems_into(finding):
        began = work.watch.clock()
        fetch(work, source, folder)
        hand_over(folder)
        with work.watch.step("Load the indexes and ask the canaries"):
            result = prove_faiss(folder, source)
        finding.facts[FACT_RESTORE] = round(work.watch.clock() - began, 3)
        finding.facts |= result.facts
        finding.problems += result.problems
    return finding.written()


def digest_of(work: Context, server: ScratchServer, title: str) -> RedisDigest:
    """Digest a scratch server, with progress by keys."""
    keys = sum(counts["keys"] for counts in server.client.info("keyspace").values())
    with work.watch.step(title, total=keys, unit="keys") as advance:
        return digest(server.database, advance)


def fetch(work: Context, source: RedisSource | FaissSource, folder: Path) -> None:
    """Write a source's files from the repository below `folder`, each byte verified."""
    folder.mkdir(mode=0o700, parents=True)
    name = "Redis" if isinstance(source, RedisSource) else "the indexes"
    size = sum(entry.size for entry in source.files)
    with work.watch.step(f"Fetch {name} from the repository", total=size) as advance:
        work.repository.restore_files(source.files, folder, advance)


@contextmanager
def _problems_into(finding: _Finding) -> Iterator[None]:
    try:
        yield
    except DamagedError as error:
        finding.problems.append(error.what)
