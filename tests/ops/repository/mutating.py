"""Strategies that change real bytes and real documents a little, and sometimes much."""

import json
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

STRANGE: list[Any] = [
    None, True, -1, 0, 1, 2**31, 2**63, 2**64, -(2**63) - 1, 10**40, 0.5, 1e308, "", "x", "\0", "../x", "/x",
    "\ud800", "a" * 5000, "0" * 64, "0" * 63, "G" * 64, "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59.999999-23:59", "2026-07-08T12:00:00", "1e400", [], {}, [[]], [None], {"x": {}},
]  # fmt: skip  # a list of values, not a table
EDITS = st.lists(
    st.tuples(
        st.sampled_from(["flip", "cut", "double", "insert", "end", "move"]),
        st.integers(0, 2**20),
        st.integers(1, 300),
        st.binary(min_size=1, max_size=20),
    ),
    min_size=1,
    max_size=4,
)
"""Changes to bytes: what, where, how much, and with what."""
CHANGES = st.lists(
    st.tuples(
        st.integers(0, 2**20),
        st.sampled_from(["put", "drop", "add", "wrap", "copy"]),
        st.sampled_from(STRANGE),
    ),
    min_size=1,
    max_size=3,
)
"""Changes to a JSON document: at which of its values, what, and with what."""


def edited(data: bytes, edits: list[tuple[str, int, int, bytes]]) -> bytes:
    """Change bytes."""
    for what, where, size, more in edits:
        at = where % (len(data) + 1)
        head, middle, tail = data[:at], data[at : at + size], data[at + size :]
        match what:
            case "flip":
                data = head + bytes(one ^ 1 << size % 8 for one in middle[:1]) + data[at + 1 :]
            case "cut":
                data = head + tail
            case "double":
                data = head + middle + middle + tail
            case "insert":
                data = head + more + data[at:]
            case "end":
                data = head
            case "move":
                data = head + tail + middle
    return data


def changed(data: bytes, changes: list[tuple[int, str, Any]]) -> bytes:
    """Change values of a JSON document, wherever they are in it."""
    document = [json.loads(data)]
    for where, what, said in changes:
        value = deepcopy(said)
        places = list(_places(document))
        holder, key = places[where % len(places)]
        if what == "drop" and holder is not document:
            del holder[key]
        elif what == "add" and isinstance(holder[key], dict):
            holder[key]["added"] = value
        elif what == "add" and isinstance(holder[key], list):
            holder[key].append(value)
        elif what == "wrap":
            holder[key] = [holder[key]]
        elif what == "copy":
            other, name = places[(where // 7) % len(places)]
            holder[key] = json.loads(json.dumps(other[name]))
        else:
            holder[key] = value
    return json.dumps(document[0]).encode()


def _places(holder: Any) -> Any:
    keys = list(holder) if isinstance(holder, dict) else range(len(holder))
    for key in keys:
        yield holder, key
        if isinstance(holder[key], dict | list):
            yield from _places(holder[key])
