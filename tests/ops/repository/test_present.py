"""What is known to be in a store: asked near, listed far, and the same either way."""

from collections import Counter
from collections.abc import Iterator

import pytest

from pipelines.ops.repository.in_memory import InMemoryStore
from pipelines.ops.repository.present import SMALL, sizes_in
from pipelines.ops.repository.store import Stored


class Asked(InMemoryStore):
    """A store, near or far, that counts what it is asked."""

    def __init__(self, *, near: bool) -> None:
        super().__init__()
        self.near = near
        self.asked: Counter[str] = Counter()

    def size(self, key: str) -> int | None:
        """Count it."""
        self.asked["size"] += 1
        return super().size(key)

    def list(self, prefix: str = "") -> Iterator[Stored]:
        """Count it."""
        self.asked[prefix] += 1
        return super().list(prefix)


def filled(store: Asked, count: int) -> list[str]:
    """Put so many objects into four folders; return their keys and some of none."""
    keys = [f"objects/{number % 4:02}/{number:064}" for number in range(count)]
    for number, key in enumerate(keys):
        store.values[key] = bytes(number % 7)
    return [*keys, "objects/00/absent", "objects/zz/absent", "deltas/00/absent"]


@pytest.mark.parametrize(
    ("near", "count", "asked"),
    [
        (True, 40, {"size": 43}),
        (False, 0, {"objects/": 1, "deltas/": 1}),
        (False, 40, {"objects/": 1, "deltas/": 1}),
        (
            False,
            SMALL,
            {"objects/": 1, "deltas/": 1, **{f"objects/{one}/": 1 for one in ("00", "01", "02", "03", "zz")}},
        ),
    ],
    ids=["near", "far and empty", "far and small", "far and large"],
)
def test_sizes(near: bool, count: int, asked: dict[str, int]) -> None:
    """Each is right; a small far store is listed once, a large one a folder at a time."""
    store = Asked(near=near)
    wanted = filled(store, count)
    sizes = sizes_in(store)
    found = {key: sizes(key) for key in wanted}
    assert store.asked == asked
    assert found == {key: None if key.endswith("absent") else len(store.values[key]) for key in wanted}
