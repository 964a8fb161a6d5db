"""For which platforms images are built, and on which of them the gates run: the engine's own alone."""

import argparse
import re
from collections.abc import Sequence

from pipelines.dag.errors import JobExit, StepError
from pipelines.dag.session import Session

_PLATFORM = re.compile(r"linux/[a-z0-9]+(?:/v[0-9]+)?")
_USUAL = "/v8"
"""The variant that linux/arm64 means."""


def take_platforms(parser: argparse.ArgumentParser) -> None:
    """Add the platforms to what a job takes."""
    parser.add_argument(
        "--platform",
        action="extend",
        type=_platforms,
        default=[],
        metavar="OS/ARCH",
        help="such as linux/amd64,linux/arm64, which give one image; the gates run the engine's own alone",
    )


def untried(platforms: Sequence[str]) -> str:
    """Return what a plan says of platforms: which of them the gates run is known to the engine alone."""
    if not platforms:
        return ""
    return f"; made for {', '.join(dict.fromkeys(platforms))}, of which the tests run the engine's own alone"


async def tell_tested(session: Session) -> str:
    """Return, and lay into the facts, which of the platforms the gates run; nothing when none was named.

    Raises StepError when they would run none of them.
    """
    if not session.platforms:
        return ""
    own = _usual(await session.client.default_platform())
    others = [name for name in session.platforms if name != own]
    if own not in session.platforms:
        raise StepError(
            f"This engine runs {own}, and no gate could run what is for {', '.join(others)} alone."
            f" Add {own} to --platform, or use an engine of that platform.",
            JobExit.REFUSED,
        )
    session.facts["platform tested"] = own
    if others:
        session.facts["platforms built and not tested"] = ", ".join(others)
    return f"; tested on {own}" + (f", and not on {', '.join(others)}" if others else "")


def _platforms(words: str) -> list[str]:
    """Read `linux/amd64,linux/arm64`."""
    names = [_usual(word) for word in re.split(r"[,\s]+", words) if word]
    wrong = next((name for name in names if not _PLATFORM.fullmatch(name)), None if names else words)
    if wrong is not None:
        raise argparse.ArgumentTypeError(f"{wrong!r} is no platform such as linux/amd64")
    return names


def _usual(name: str) -> str:
    return name.removesuffix(_USUAL) if name.startswith("linux/arm64") else name
