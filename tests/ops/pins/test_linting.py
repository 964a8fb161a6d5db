"""Every image that others build is found where it is named; what differs from the pin file is said."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.ops.cli.main import app
from pipelines.ops.pins.model import PIN_FILE, Image, parse_reference, read_pins, write_pins
from pipelines.ops.pins.references import references

PROJECT = Path(__file__).parents[3]
NAMING = (
    *(".env.example", "docker-compose.yml", "docker-compose.override.yml", "docker-compose.production.yml"),
    *("app/Dockerfile", "frontend/Dockerfile", "frontend/Dockerfile.dev", "deploy/pins.toml"),
    "tests/Dockerfile",
)
SAME = 'image = "a"\ntag = "1"\ndigest = ""\nused_in = []\n'
DOCKERFILE = """\
# FROM a-comment:1
ARG BASE=python:3.11
ARG EPOCH=0
FROM --platform=linux/amd64 ${BASE} AS Build
RUN --mount=type=bind,from=busybox:1.36,target=/b true
COPY --from=redis:7.4@sha256:12 /a /b
FROM scratch
COPY --from=build /a /b
COPY --from=0 /a /b
FROM $BASE
FROM ${UNKNOWN}
"""
PYTHON = """\
BASES = {
    "PYTHON_IMAGE": "python:3.11",
    "OTHER": "no:image"}
GO = "${GO_IMAGE:-golang:1.26@sha256:12}"
MORE = {"REDIS_IMAGE": "${REDIS_IMAGE:-redis:7}", "NODE_IMAGE": GO, **BASES}
SPELLED = f"${{X_IMAGE:-{GO}}}"
"""
COMPOSE = """\
x-args: &args {NODE_IMAGE: "${NODE_IMAGE:-node:20}", EPOCH: "0"}
services:
  one: {image: "${REDIS_IMAGE:-redis:7}"}
  two:
    image: ours
    build: {context: ., args: *args}
  three: {image: "ours-too", build: .}
  four: {image: "grafana"}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a folder with a copy of every file that names an image."""
    for name in NAMING:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / name, tmp_path / name)
    return tmp_path


def lint(folder: Path, *more: str) -> tuple[int, dict[str, object], str]:
    """Run the command; return its code, its document and its words."""
    done = CliRunner().invoke(app, ["pins", "lint", "--json", "--folder", str(folder), *more])
    return done.exit_code, json.loads(done.stdout), done.stderr


def test_the_project_agrees_with_its_pins() -> None:
    """Nothing is named that is not pinned, and nothing is pinned that is not named."""
    code, found, _ = lint(PROJECT)
    assert (code, found["breaches"]) == (0, [])


def test_what_the_project_names_is_found() -> None:
    """Each image is found in every file that names them; a new way to name one would be missed."""
    found = {(one.file, parse_reference(one.text).name) for one in references(PROJECT)}
    pinned = {(file, pin.image) for pin in read_pins(PROJECT).values() for file in pin.used_in}
    assert found == pinned
    assert len({file for file, _ in found}) == 8


def test_images_in_a_dockerfile(tmp_path: Path) -> None:
    """By argument, as a base, as a source of files or of a mount; not a stage, a number, a comment."""
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy" / "Dockerfile.one").write_text(DOCKERFILE)
    (tmp_path / "tests" / "standins").mkdir(parents=True)
    (tmp_path / "tests" / "standins" / "Dockerfile").write_text("FROM made-of-packages:1\n")
    assert [(one.line, one.text) for one in references(tmp_path)] == [
        (2, "python:3.11"),
        (5, "busybox:1.36"),
        (6, "redis:7.4@sha256:12"),
        (11, "${UNKNOWN}"),
    ]


def test_images_in_a_compose_file(tmp_path: Path) -> None:
    """The image of a service, or what it is built from, with the default of its variable."""
    (tmp_path / "docker-compose.extra.yml").write_text(COMPOSE)
    assert [(one.line, one.text) for one in references(tmp_path)] == [
        (1, "node:20"),
        (3, "redis:7"),
        (8, "grafana"),
    ]


def test_images_in_a_pipeline(tmp_path: Path) -> None:
    """What a pipeline builds upon, written as a dictionary of arguments or as compose writes it."""
    (tmp_path / "pipelines" / "dag").mkdir(parents=True)
    (tmp_path / "pipelines" / "dag" / "images.py").write_text(PYTHON)
    assert [(one.line, one.text) for one in references(tmp_path)] == [
        (2, "python:3.11"),
        (4, "golang:1.26@sha256:12"),
        (5, "redis:7"),
    ]


@pytest.mark.parametrize(
    ("text", "image"),
    [
        ("redis", Image("redis", "", "")),
        ("redis:7.4", Image("redis", "7.4", "")),
        ("redis@sha256:1", Image("redis", "", "sha256:1")),
        ("127.0.0.1:5000/a/b", Image("127.0.0.1:5000/a/b", "", "")),
        ("127.0.0.1:5000/a/b:1@sha256:1", Image("127.0.0.1:5000/a/b", "1", "sha256:1")),
    ],
)
def test_a_reference_is_taken_apart(text: str, image: Image) -> None:
    """The port of a registry is no tag."""
    assert parse_reference(text) == image


@pytest.mark.parametrize(
    ("file", "good", "bad", "said"),
    [
        ("app/Dockerfile", "python:3.11-slim-bookworm", "python:3.12-slim-bookworm", "app/Dockerfile:{line}"),
        (
            "docker-compose.yml",
            "redis:7.4-bookworm",
            "redis:7.4-bookworm@sha256:00",
            "docker-compose.yml:{line}",
        ),
        ("docker-compose.yml", "redis:7.4-bookworm", "valkey/valkey:8", "is not in deploy/pins.toml"),
        ("frontend/Dockerfile", "FROM ${NGINX_IMAGE}", "FROM nginx", "frontend/Dockerfile:{line}"),
        (".env.example", "NODE_IMAGE=node:20-alpine", "NODE_IMAGE=node:22-alpine", ".env.example:{line}"),
        ("deploy/pins.toml", 'tag = "20-alpine"', 'tag = "alpine"', "names no version"),
        ("deploy/pins.toml", '    "frontend/Dockerfile.dev",\n', "", "frontend/Dockerfile.dev:5"),
        (
            "deploy/pins.toml",
            '    "app/Dockerfile",\n',
            '    "app/Dockerfile",\n    "app/gone",\n',
            "app/gone",
        ),
        (
            "deploy/pins.toml",
            "[nginx]",
            '[new]\nimage="a"\ntag="1"\ndigest=""\nused_in=[]\n[nginx]',
            "uses it",
        ),
    ],
)
def test_a_difference_is_said(project: Path, file: str, good: str, bad: str, said: str) -> None:
    """With the file, the line and the reason; code 1."""
    assert lint(project)[0] == 0
    path = project / file
    text = path.read_text()
    assert good in text
    line = text[: text.index(good)].count("\n") + 1
    path.write_text(text.replace(good, bad, 1))
    code, found, words = lint(project)
    assert code == 1
    assert said.format(line=line) in json.dumps(found["breaches"])
    assert "Remedy:" in words


def test_a_module_may_use_a_pin_by_its_name(project: Path) -> None:
    """What reads the pin file itself names no image, only the pin."""
    with (project / PIN_FILE).open("a") as pins:
        pins.write('\n[tool]\nimage = "tool"\ntag = "1.0"\ndigest = ""\nused_in = ["stack.py"]\n')
    (project / "stack.py").write_text('image = pinned["tool"]\n')
    assert lint(project)[0] == 0
    (project / "stack.py").write_text("image = None\n")
    assert lint(project)[0] == 1


def test_unknown_digests_are_named_and_red_when_strict(project: Path) -> None:
    """A release does not begin with an image of which only the tag is known."""
    pins = read_pins(project)
    (project / PIN_FILE).write_text(
        write_pins({name: pin.model_copy(update={"digest": ""}) for name, pin in pins.items()})
    )
    _, found, words = lint(project)
    assert found["unknown_digests"] == ["python", "redis", "node", "nginx", "golang"]
    assert "nginx" in words
    assert lint(project, "--strict")[0] == 1


def test_known_digests_are_enough_for_strict(tmp_path: Path) -> None:
    """Where every digest is known and written, the strict way is green too."""
    digest = f"sha256:{'0' * 64}"
    (tmp_path / "Dockerfile").write_text(f"FROM redis:7.4@{digest}\n")
    (tmp_path / "deploy").mkdir()
    pin = f'[redis]\nimage = "redis"\ntag = "7.4"\ndigest = "{digest}"\nused_in = ["Dockerfile"]\n'
    (tmp_path / PIN_FILE).write_text(pin)
    assert lint(tmp_path, "--strict")[:2] == (
        0,
        {"good": True, "references": 1, "breaches": [], "unknown_digests": []},
    )


@pytest.mark.parametrize(
    "text",
    [
        "[a]\n",
        "not toml",
        '[a]\nimage = "a"\ntag = "1"\ndigest = "sha256:12"\nused_in = []\n',
        '[a]\nimage = "a b"\ntag = "1"\ndigest = ""\nused_in = []\n',
        f"[a]\n{SAME}[b]\n{SAME}",
        f'["a b"]\n{SAME}',
    ],
)
def test_a_pin_file_that_is_wrong_is_named(tmp_path: Path, text: str) -> None:
    """Code 2 with the file's name."""
    (tmp_path / "deploy").mkdir()
    (tmp_path / PIN_FILE).write_text(text)
    code, _, words = lint(tmp_path)
    assert code == 2
    assert "pins.toml" in words
