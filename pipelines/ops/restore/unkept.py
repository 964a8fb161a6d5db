"""A safety point that cannot be kept: what hinders it, and how to restore all the same."""

from collections.abc import Iterator
from contextlib import contextmanager

from pipelines.ops.errors import OpsError


@contextmanager
def unkept(hindrance: type[OpsError], raised: type[OpsError] | None = None) -> Iterator[None]:
    """Raise an error of that kind again, or as another kind, with what it hinders and the way round it."""
    try:
        yield
    except hindrance as error:
        raise (raised or hindrance)(
            f"No safety point can be kept: {error.what}",
            f"{error.hint} Or add --force to restore without one.",
        ) from error
