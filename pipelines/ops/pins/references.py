"""Where Dockerfiles, compose files, pipelines and the example of `.env` name images that others build."""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

# The stand-ins of the tests are made of packages, not of images.
_ELSEWHERE = {"node_modules", "standins", "build", "data", "backups", "secrets"}
_COMPOSE = ("docker-compose*.yml", "deploy/compose/*.yml")
_PYTHON = "pipelines/dag/**/*.py"
_EXAMPLE = ".env.example"
_ARG = re.compile(r"\s*ARG\s+(\w+)=(\S+)\s*$", re.IGNORECASE)
_FROM = re.compile(r"\s*FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?\s*$", re.IGNORECASE)
_TAKEN = re.compile(r"(?:--from=|[,=]from=)([^\s,]+)")
_VARIABLE = re.compile(r"\$\{?(\w+)\}?$")
_DEFAULT = re.compile(r"\$\{\w+_IMAGE:-(.+)\}$")
# The names of our own begin with SYNAPSE_.
_SETTING = re.compile(r"#?\s*(?!SYNAPSE_)\w+_IMAGE=(\S+)\s*$")


@dataclass(frozen=True, slots=True, order=True)
class Reference:
    """An image that a file names: `text` as it stands in `line` (from 1) of `file`, a path in the project."""

    file: str
    line: int
    text: str


def references(root: Path) -> list[Reference]:
    """Return every reference below a project's folder to an image that is not built there."""
    found: list[Reference] = []
    for path in sorted(_dockerfiles(root)):
        found += _in_dockerfile(path.relative_to(root).as_posix(), path.read_text("utf-8").splitlines())
    for path in sorted(path for pattern in _COMPOSE for path in root.glob(pattern)):
        found += _in_compose(path.relative_to(root).as_posix(), path.read_text("utf-8"))
    for path in sorted(root.glob(_PYTHON)):
        found += _in_python(path.relative_to(root).as_posix(), path.read_text("utf-8"))
    example = root / _EXAMPLE
    if example.exists():
        lines = enumerate(example.read_text("utf-8").splitlines(), start=1)
        found += [Reference(_EXAMPLE, at, match[1]) for at, line in lines if (match := _SETTING.match(line))]
    return sorted(set(found))


def _dockerfiles(root: Path) -> Iterator[Path]:
    for path in root.rglob("*Dockerfile*"):
        parts = path.relative_to(root).parts[:-1]
        if path.is_file() and not any(part in _ELSEWHERE or part.startswith(".") for part in parts):
            yield path


def _in_dockerfile(file: str, lines: Iterable[str]) -> Iterator[Reference]:
    # An image given by an argument stands where the argument has its default.
    arguments: dict[str, Reference] = {}
    stages = {"scratch"}
    for at, line in enumerate(lines, start=1):
        if line.lstrip().startswith("#"):
            continue
        if match := _ARG.match(line):
            arguments[match[1]] = Reference(file, at, match[2])
        named = [match[1]] if (match := _FROM.match(line)) else _TAKEN.findall(line)
        for name in named:
            if name.lower() not in stages and not name.isdigit():
                yield _resolved(Reference(file, at, name), arguments)
        if match and match[2]:
            stages.add(match[2].lower())


def _resolved(reference: Reference, arguments: dict[str, Reference]) -> Reference:
    variable = _VARIABLE.match(reference.text)
    return arguments.get(variable[1], reference) if variable else reference


def _in_compose(file: str, text: str) -> Iterator[Reference]:
    # The image of a service that is built here is its own name; its arguments name what it begins with.
    document = yaml.compose(text)
    for service in _mapping(_mapping(document).get("services")).values():
        parts = _mapping(service)
        build = _mapping(parts.get("build"))
        named = [] if "build" in parts else [parts.get("image")]
        named += [value for key, value in _mapping(build.get("args")).items() if key.endswith("_IMAGE")]
        for value in named:
            if value is not None:
                default = _DEFAULT.match(value.value)
                yield Reference(file, value.start_mark.line + 1, default[1] if default else value.value)


def _in_python(file: str, text: str) -> Iterator[Reference]:
    # `{"X_IMAGE": "name:tag"}`, or a word such as a compose file has: `"${X_IMAGE:-name:tag}"`.
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                named, image = _word(key), _word(value)
                if image and named.endswith("_IMAGE") and not _DEFAULT.match(image):
                    yield Reference(file, value.lineno, image)
        elif isinstance(node, ast.Constant) and (match := _DEFAULT.match(_word(node))):
            yield Reference(file, node.lineno, match[1])


def _word(node: ast.expr | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _mapping(node: Any) -> dict[str, Any]:  # noqa: ANN401  # PyYAML's nodes have no types
    if not isinstance(node, yaml.MappingNode):
        return {}
    return {key.value: value for key, value in node.value}
