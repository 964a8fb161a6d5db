"""The services as the compose files describe them: read, so that no second description can drift."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pipelines.dag.errors import JobError

PRODUCTION = ("docker-compose.yml", "docker-compose.production.yml")
_VARIABLE = re.compile(r"\$\{([A-Z_][A-Z0-9_]*)(?::([-+?])((?:[^${}]|\$\{[^{}]*\})*))?\}")


@dataclass(frozen=True, slots=True)
class Mount:
    """A file of the project that a service sees under another path."""

    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Service:
    """One service: `user` as uid:gid, `files` what it reads, `secrets` the names of its secret files."""

    name: str
    image: str
    user: str
    entrypoint: tuple[str, ...]
    environment: Mapping[str, str]
    files: tuple[Mount, ...]
    secrets: tuple[str, ...]


def services(folder: Path, files: Sequence[str], environ: Mapping[str, str]) -> dict[str, Service]:
    """Read the services of compose files, a later file counting more; variables come from `environ`.

    Of two files the later one's values count; tables of variables are merged, volumes and secrets add up, as
    compose does it. A variable that must be set and is not stays empty: what it names is given otherwise.
    Raises JobError for a file that cannot be read.
    """
    merged: dict[str, dict[str, Any]] = {}
    for name in files:
        for service, told in _read(folder / name).items():
            merged[service] = _merged(merged.get(service, {}), told)
    return {name: _service(name, told, environ) for name, told in merged.items()}


def filled(text: str, environ: Mapping[str, str]) -> str:
    """Put the values of variables into a text: `${NAME}`, or with `:-default`, `:+instead` or `:?missing`."""

    def value(match: re.Match[str]) -> str:
        name, kind, word = match.groups()
        found = environ.get(name) or ""
        if kind == "+":
            return filled(word, environ) if found else ""
        return found or (filled(word, environ) if kind == "-" else "")

    return _VARIABLE.sub(value, text)


def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
        services: dict[str, dict[str, Any]] = found["services"]
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise JobError(
            f"{path} cannot be read as a compose file: {error}.", "Run it in the project's folder."
        ) from error
    return services


def _merged(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    both = {**before, **after}
    if "environment" in before and "environment" in after:
        both["environment"] = {**before["environment"], **after["environment"]}
    for many in ("volumes", "secrets"):
        if many in before and many in after:
            both[many] = [*before[many], *after[many]]
    return both


def _service(name: str, told: Mapping[str, Any], environ: Mapping[str, str]) -> Service:
    environment = {
        key: filled(str(value), environ) for key, value in dict(told.get("environment") or {}).items()
    }
    return Service(
        name=name,
        image=filled(str(told.get("image", "")), environ),
        user=filled(str(told.get("user", "")), environ),
        entrypoint=tuple(told.get("entrypoint") or ()),
        environment=environment,
        files=tuple(_mounts(told.get("volumes") or (), environ)),
        secrets=tuple(dict.fromkeys(filled(name, environ) for name in told.get("secrets") or ())),
    )


def _mounts(volumes: Sequence[Any], environ: Mapping[str, str]) -> list[Mount]:
    """Return the files of the project among the volumes; its data and named volumes are no files."""
    short = [filled(volume, environ).split(":") for volume in volumes if isinstance(volume, str)]
    return [Mount(parts[0], parts[1]) for parts in short if parts[0].startswith("./deploy/")]
