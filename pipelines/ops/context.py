"""What every operation works with, made once by the command line and passed down."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from platform import node, python_version

from pipelines.ops.errors import OpsError
from pipelines.ops.redis.boot import Scratch
from pipelines.ops.reporting import Stopwatch
from pipelines.ops.repository import Repository
from pipelines.ops.settings import OpsSettings
from pipelines.ops.spools import PREFIX, held_folder


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Context:
    """Settings, the opened repository, what scratch servers may use, and the watch that shows progress."""

    settings: OpsSettings
    repository: Repository
    scratch: Scratch
    watch: Stopwatch
    now: Callable[[], datetime] = _utc_now
    host: str = node()

    @property
    def data_dir(self) -> Path:
        """The folder of the stack's data."""
        return self.settings.service.data_dir

    @contextmanager
    def spool(self, purpose: str) -> Iterator[Path]:
        """Make a folder for this work alone, gone afterwards. Raises OpsError when there is no place."""
        with ExitStack() as held:
            try:
                self.scratch.root.mkdir(parents=True, exist_ok=True)
                folder = held.enter_context(held_folder(self.scratch.root, f"{PREFIX}{purpose}-"))
            except OSError as error:
                raise OpsError(
                    f"No scratch folder can be made in {self.scratch.root} ({error.strerror}).",
                    "Set SYNAPSE_SCRATCH_DIR to a folder with room.",
                ) from error
            yield folder


def software() -> dict[str, str]:
    """Name the versions that made something: Synapse, Python and FAISS."""
    return {"synapse": version("synapse"), "python": python_version(), "faiss": version("faiss-cpu")}
