"""The config of an image in its one form: what a container is started with, and nothing of the build."""

from collections.abc import Sequence
from datetime import UTC, datetime

from pipelines.ops.images.reading import Image

_KEPT = (
    *("ArgsEscaped", "Cmd", "Entrypoint", "Env", "ExposedPorts", "Healthcheck", "Labels", "OnBuild", "Shell"),
    *("StopSignal", "StopTimeout", "User", "Volumes", "WorkingDir"),
)
"""What containers are started with. The rest (Hostname, Image, ...) tells of the container that built it."""
_BUILD_TIMES = ("org.opencontainers.image.created", "org.label-schema.build-date")
_AUTHOR = "synapse image normalise"


def rebuilt_config(image: Image, diff_ids: Sequence[str], epoch: int) -> dict[str, object]:
    """Return the config as JSON data; history says only when, because engines word steps differently."""
    created = datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    rebuilt: dict[str, object] = {
        "created": created,
        **image.platform.model_dump(exclude_none=True),
        "rootfs": {"type": "layers", "diff_ids": list(diff_ids)},
        "history": [{"created": created, "created_by": _AUTHOR} for _ in diff_ids],
        "config": _container(image, created),
    }
    for name in ("os.version", "os.features"):
        if image.raw_config.get(name):
            rebuilt[name] = image.raw_config[name]
    return rebuilt


def _container(image: Image, created: str) -> dict[str, object]:
    old = image.config.config or {}
    kept = {name: old[name] for name in _KEPT if old.get(name)}
    labels = kept.get("Labels")
    if isinstance(labels, dict):
        kept["Labels"] = {name: created if name in _BUILD_TIMES else value for name, value in labels.items()}
    return kept
