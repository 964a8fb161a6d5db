"""Find the one restore point that a person means: `latest`, or how its id or its time begins."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from pipelines.ops.errors import DamagedError, NothingError, UsageError
from pipelines.ops.repository.named import stamp
from pipelines.ops.repository.points import PointRef

LATEST = "latest"
AHEAD = timedelta(minutes=10)
"""How far the clocks of machines that share a repository may be apart."""


def resolve(points: Sequence[PointRef], name: str, place: str, now: datetime) -> PointRef:
    """Return the point of that name among `points` (newest first)."""
    if not points:
        raise NothingError(f"There are no restore points in {place}.", "`synapse backup` takes one.")
    return _latest(points, place, now) if name == LATEST else _named(points, name, place)


def _latest(points: Sequence[PointRef], place: str, now: datetime) -> PointRef:
    """Safety points are never meant: they hold what a restore replaced."""
    newest = next((ref for ref in points if ref.label != "safety"), None)
    if newest is None:
        raise NothingError(
            f"There are only safety points in {place}.",
            f"Name the one you mean, for instance {points[0].short}.",
        )
    if newest.problem:
        # An older one would be a surprise that nobody asked for.
        raise DamagedError(
            f"The newest restore point cannot be trusted. {newest.problem}",
            "Name an older one by its id or time.",
        )
    if newest.time > now + AHEAD:
        raise DamagedError(
            f"The newest restore point {newest.short} says that it was taken at"
            f" {newest.time.isoformat(timespec='seconds')}, which is still to come: a clock was or is wrong.",
            "Look at `synapse points list` and at this machine's clock, and name the point that you mean.",
        )
    return newest


def _named(points: Sequence[PointRef], name: str, place: str) -> PointRef:
    time = name.replace("-", "").replace(":", "").replace(" ", "T").upper()
    exact = next((ref for ref in points if ref.key == name), None)
    if exact is not None:
        return exact
    meant = [ref for ref in points if name and (ref.id.startswith(name) or stamp(ref.time).startswith(time))]
    # A damaged copy under another name must not stand in the way of the good one.
    meant = [ref for ref in meant if not ref.problem] or meant
    if not meant:
        raise NothingError(
            f"No restore point in {place} is called {name!r}.",
            "`synapse points list` shows them; name one by its id.",
        )
    if len(meant) > 1:
        listed = ", ".join(f"{ref.short} ({ref.time.isoformat(timespec='seconds')})" for ref in meant[:10])
        raise UsageError(
            f"{len(meant)} restore points are meant by {name!r}: {listed}.", "Type more of the id."
        )
    return meant[0]
