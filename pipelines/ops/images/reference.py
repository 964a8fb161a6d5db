"""Where an image is pushed to: `registry.example:5000/team/name:tag` (OCI distribution specification 1.1)."""

import re
from dataclasses import dataclass

from pipelines.ops.errors import UsageError

_HOST = re.compile(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?|\[[0-9A-Fa-f:]+\](:[0-9]{1,5})?")
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_PART}(/{_PART})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_LONGEST = 255
_DOCKER = {"docker.io": "registry-1.docker.io"}
"""Docker's own registry answers under another name than the one it is known by."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A repository of a registry, and the tags that an image gets there."""

    host: str
    repository: str
    tags: tuple[str, ...] = ()

    @property
    def address(self) -> str:
        """Return the host that is asked."""
        return _DOCKER.get(self.host, self.host)

    @property
    def path(self) -> str:
        """Return the repository as its registry calls it."""
        plain = self.host in _DOCKER and "/" not in self.repository
        return f"library/{self.repository}" if plain else self.repository

    def __str__(self) -> str:
        return f"{self.host}/{self.repository}"


def parse_reference(text: str, tags: tuple[str, ...] = ()) -> Reference:
    """Read `host/repository[:tag]`. Raises UsageError that names the part which is none."""
    host, _, rest = text.partition("/")
    repository, colon, tag = rest.partition(":")
    if not _HOST.fullmatch(host) or not ("." in host or ":" in host or host == "localhost"):
        raise _unusable(text, f"{host!r} is no registry's address")
    if "@" in rest:
        raise _unusable(text, "a digest follows from the image and is not given")
    if not _REPOSITORY.fullmatch(repository) or len(repository) > _LONGEST:
        raise _unusable(text, f"{repository!r} is no repository: small letters, digits, and . _ - / between")
    wanted = tuple(dict.fromkeys([*([tag] if colon else []), *tags]))
    for one in wanted:
        if not _TAG.fullmatch(one):
            raise _unusable(text, f"{one!r} is no tag")
    return Reference(host, repository, wanted)


def _unusable(text: str, why: str) -> UsageError:
    return UsageError(
        f"The reference {text} cannot be used: {why}.", "Write it as registry.example:5000/team/name:tag."
    )
