"""What a registry takes, looked at before an hour of gates; `synapse image push` has the same rules."""

import re
from collections.abc import Sequence

from pipelines.dag.errors import JobError

_ADDRESS = r"(?=localhost(?:/|$)|[^/]*[.:])(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?"
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_PLACE = re.compile(rf"{_ADDRESS}(?:/{_PART})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


def check_place(registry: str, tags: Sequence[str]) -> None:
    """Raise JobError unless images can be pushed to `registry`/NAME under the tags."""
    if not _PLACE.fullmatch(registry):
        raise JobError(
            f"{registry!r} is no registry and folder in it.",
            "Write it as host:5000/team: no scheme, no / at its end, small letters in the folder.",
        )
    for tag in tags:
        if not _TAG.fullmatch(tag):
            raise JobError(f"{tag!r} is no tag.", "Use up to 128 letters, digits, and . _ - after the first.")
