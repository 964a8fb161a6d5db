"""The user of the containers: may it write a folder of this machine, whoever runs the checklist."""

import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pipelines.ops.containers.docker import Container
from pipelines.ops.doctor.check import Finding, Subject, skipped
from pipelines.ops.errors import OpsError

_NEEDED = stat.S_IROTH | stat.S_IWOTH | stat.S_IXOTH
_LISTED = "system.posix_acl_access"
"""Where a folder has a list of who may do what, its mode does not tell."""


@dataclass(frozen=True, slots=True)
class ContainerUser:
    """A user and a group by their numbers, as a container's processes have them."""

    uid: int
    gid: int

    @classmethod
    def of(cls, container: Container) -> Self | None:
        """Return it as Docker tells of it; None when it has another way of naming one."""
        uid, _, gid = str(container.facts["Config"].get("User") or "").partition(":")
        return cls(int(uid), int(gid)) if uid.isdecimal() and gid.isdecimal() else None

    def __str__(self) -> str:
        """Write it as `chown` takes it."""
        return f"{self.uid}:{self.gid}"

    def may_write(self, folder: Path) -> bool:
        """Say whether owner and mode of the folder let it in. Raises OSError."""
        found = folder.stat()
        if self.uid == 0 or _LISTED in _attributes(folder):
            return True
        if found.st_uid == self.uid:
            needed = _NEEDED << 6
        else:
            needed = _NEEDED << 3 if found.st_gid == self.gid else _NEEDED
        return found.st_mode & needed == needed


def container_user(subject: Subject) -> ContainerUser | None:
    """Return the user of the backend's container, which is that of `ops` too; None where there is none."""
    if subject.settings.stack != "compose":
        return None
    # Docker that cannot be asked has its own line.
    with suppress(OpsError):
        backend = subject.containers().get("backend")
        return ContainerUser.of(backend) if backend else None
    return None


def shut_out(name: str, subject: Subject, error: OpsError) -> Finding | None:
    """Return the line for an error that says only that another than the containers' user is not let in."""
    user = container_user(subject)
    if user is None or user.uid == os.geteuid() or not isinstance(error.__cause__, PermissionError):
        return None
    return skipped(name, f"{error.what} Whether user {user} of the containers can: ask as root.")


def _attributes(folder: Path) -> list[str]:
    try:
        return os.listxattr(folder)
    except OSError:
        # Not every disk keeps such lists.
        return []
