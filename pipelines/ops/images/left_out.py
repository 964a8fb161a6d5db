"""What no image needs: caches, logs and lists that differ from one build to the next.

Of most places only files go, so that a program finds the folder that it logs into, and nginx its links to
the standard streams; of temporary places everything goes, because even their folders have random names.
"""

from fnmatch import fnmatchcase

FILES = (
    "etc/machine-id",
    "etc/passwd-",
    "etc/group-",
    "etc/shadow-",
    "etc/gshadow-",
    "etc/subuid-",
    "etc/subgid-",
    "run/*",
    "root/.cache/*",
    "root/.npm/_cacache/*",
    "root/.npm/_logs/*",
    "var/cache/apt/*",
    "var/cache/debconf/*-old",
    "var/cache/fontconfig/*",
    "var/cache/ldconfig/*",
    "var/cache/man/*",
    "var/lib/apt/lists/*",
    "var/lib/dbus/machine-id",
    "var/lib/dpkg/*-old",
    "var/log/*",
)
"""Files, by patterns in which `*` also stands for slashes."""

ALL = ("tmp/*", "var/tmp/*")
"""Files, folders, links and whiteouts."""


def left_out(path: str, *, is_file: bool) -> bool:
    """Return whether an entry of a layer is dropped."""
    patterns = (*ALL, *FILES) if is_file else ALL
    return any(fnmatchcase(path, pattern) for pattern in patterns)
