"""What the restore points of a repository need; nothing may be deleted that is not known to be unneeded."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipelines.ops.errors import DamagedError, NothingError
from pipelines.ops.model import RestorePoint
from pipelines.ops.repository.objects import terse
from pipelines.ops.repository.parallel import DOCUMENTS, in_order
from pipelines.ops.repository.points import PointRef, objects_of

Load = Callable[[PointRef], RestorePoint]


@dataclass(frozen=True, slots=True)
class Needed:
    """The ids of points, and the `terse` names of objects that they need: 110 bytes of memory each."""

    points: frozenset[str]
    objects: frozenset[bytes]

    def __contains__(self, identity: str) -> bool:
        return terse(identity) in self.objects


def needed_by(refs: Sequence[PointRef], load: Load) -> Needed:
    """Read every manifest. Raises DamagedError when what one needs cannot be known."""
    unknown = [ref for ref in refs if ref.problem]
    if unknown:
        raise DamagedError(
            f"It is not known what {len(unknown)} restore points need, so nothing is deleted:"
            f" {unknown[0].problem}",
            "Take that manifest from a copy of the repository, use the newer Synapse that wrote it, or give"
            f" it up by its whole name: `synapse forget {unknown[0].key}`.",
        )
    objects: set[bytes] = set()
    for found in in_order(lambda ref: _objects(ref, load), refs, DOCUMENTS):
        objects |= found
    return Needed(frozenset(ref.id for ref in refs), frozenset(objects))


def _objects(ref: PointRef, load: Load) -> set[bytes]:
    try:
        return {terse(identity) for identity in objects_of(load(ref))}
    except NothingError:
        return set()  # forgotten meanwhile
