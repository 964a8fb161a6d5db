"""The `synapse` commands that jobs run; a test parses each with the real parser."""

from collections.abc import Sequence

LATEST = "latest"
SITE = "http://frontend:8080"
"""Where clients reach an ephemeral stack: at its nginx."""


def backup() -> tuple[str, ...]:
    """Take a restore point; its proof is made elsewhere."""
    return ("synapse", "backup", "--no-verify", "--json")


def verify(point: str = "{point}") -> tuple[str, ...]:
    """Boot and query a restore point, and keep the proof."""
    return ("synapse", "verify", point, "--level", "3", "--json")


def keep_proofs(point: str, copy: str) -> tuple[str, ...]:
    """Keep the proofs of a point that were made in a copy of the repository, of which `copy` is a part."""
    return ("synapse", "points", "keep-proofs", point, copy, "--json")


def show(point: str = LATEST) -> tuple[str, ...]:
    """Say which point that is."""
    return ("synapse", "points", "show", point, "--json")


def restore(point: str = LATEST, *, safety: bool = True) -> tuple[str, ...]:
    """Restore a point into a running stack, with a safety point of what that holds or without one."""
    return ("synapse", "restore", point, "--yes", *(() if safety else ("--force",)), "--json")


def served(point: str, at: str) -> tuple[str, ...]:
    """Say which of a restored point's documents are served at an address; code 1 when they are not."""
    return ("synapse", "points", "served", point, "--at", at, "--json")


def normalise(epoch: str = "{epoch}") -> tuple[str, ...]:
    """Make an image a function of its commit."""
    return ("synapse", "image", "normalise", "/image.tar", "/scratch/image", "--epoch", epoch, "--json")


def digest() -> tuple[str, ...]:
    """Say what an image's digest is."""
    return ("synapse", "image", "digest", "/image", "--json")


def pins() -> tuple[str, ...]:
    """Compare the images that others build with the pin file, and want each digest."""
    return ("synapse", "pins", "lint", "--strict", "--json")


def push(
    reference: str,
    tags: Sequence[str],
    *,
    plain: bool,
    login: str | None,
    move: bool = False,
    free: Sequence[str] = (),
    expect: str = "{digest}",
) -> tuple[str, ...]:
    """Push an image by digest, then under its tags; `login` names a file, `move` takes tags from others.

    `free` are tags that are to come: one that another image has is refused before anything is sent, and so is
    another image than `expect`, the digest that was tested.
    """
    more = [word for tag in tags for word in ("--tag", tag)]
    more += [word for tag in free for word in ("--free", tag)]
    more += ["--move"] if move else []
    more += ["--plain-http"] if plain else []
    more += ["--login-file", login] if login else []
    return ("synapse", "image", "push", "/image", reference, *more, "--expect", expect, "--json")


def compare() -> tuple[str, ...]:
    """Compare two images file by file; code 1 when they differ."""
    return ("synapse", "image", "compare", "/first", "/second", "--json")
