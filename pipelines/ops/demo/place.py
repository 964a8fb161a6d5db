"""The demo's own folder: everything it makes lies there, and nothing of it outside."""

import shutil
import socket
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from pipelines.ops.errors import RefusedError

_MARK = ".synapse-demo"
_OWN = (
    *("DATA_DIR", "SYNAPSE_", "REDIS_", "API_", "COLLECTION", "EMBEDDING_", "MODEL_", "ENVIRONMENT"),
    *("ALLOWED_HOSTS", "CORS_", "FORWARDED_", "PAGE_DIR", "WEB_CONCURRENCY", "MAX_", "ANSWER_"),
)


@dataclass(frozen=True, slots=True)
class DemoPlace:
    """Where the demo works, and the settings that its commands get; `settings` can be pasted into a shell."""

    folder: Path
    settings: Mapping[str, str]

    @property
    def data(self) -> Path:
        """What is destroyed and restored."""
        return self.folder / "data"

    def environment(self, outer: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of the demo's commands: no setting of the outer stack reaches them."""
        kept = {name: value for name, value in outer.items() if not name.startswith(_OWN)}
        return kept | dict(self.settings)


def make_place(folder: Path) -> DemoPlace:
    """Empty the demo's folder and choose free ports. Raises RefusedError when the folder is not a demo's."""
    folder = folder.absolute()
    if folder.exists() and any(folder.iterdir()) and not (folder / _MARK).exists():
        raise RefusedError(f"{folder} exists and is no demo's folder.", "Name another one with --folder.")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / _MARK).write_text("This folder belongs to `synapse demo`, which empties it when it starts.\n")
    (folder / "scratch").mkdir()
    redis_port, api_port = _free_ports()
    return DemoPlace(
        folder,
        {
            "DATA_DIR": str(folder / "data"),
            "SYNAPSE_REPOSITORY": str(folder / "backups"),
            "SYNAPSE_SCRATCH_DIR": str(folder / "scratch"),
            "REDIS_PORT": str(redis_port),
            "API_PORT": str(api_port),
        },
    )


def _free_ports() -> tuple[int, int]:
    with ExitStack() as stack:
        first, second = (stack.enter_context(socket.socket()) for _ in range(2))
        for one in (first, second):
            one.bind(("127.0.0.1", 0))
        return first.getsockname()[1], second.getsockname()[1]
