"""Digests come from a real registry, and are written everywhere or nowhere."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipelines.ops.cli.main import app
from pipelines.ops.errors import NothingError, OpsError
from pipelines.ops.pins.model import PIN_FILE
from pipelines.ops.pins.registry import Place, digest_of, place_of
from tests.ops.pins.registries import Registry, gated, registry
from tests.ports import free_port


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """Run one registry for all tests; each has images of its own."""
    with registry(tmp_path_factory.mktemp("registry")) as found:
        yield found


def lay(folder: Path, **images: str) -> Path:
    """Lay a project out that begins with these images, all of tag 1.0."""
    (folder / "deploy").mkdir()
    files = '["Dockerfile", "docker-compose.yml"]'
    pins = [
        f'[{name}]\nimage = "{image}"\ntag = "1.0"\ndigest = ""\nused_in = {files}\n'
        for name, image in images.items()
    ]
    (folder / PIN_FILE).write_text("\n".join(pins))
    froms = [f"FROM {image}:1.0 AS {name}\n" for name, image in images.items()]
    (folder / "Dockerfile").write_text("# Kept as it is.\r\n" + "".join(froms))
    (folder / "Dockerfile").chmod(0o640)
    services = [f'  {name}: {{image: "${{X_IMAGE:-{image}:1.0}}"}}\n' for name, image in images.items()]
    (folder / "docker-compose.yml").write_text("services:\n" + "".join(services))
    return folder


def texts(folder: Path) -> dict[str, str]:
    """Return every file of a project, line ends and all."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes().decode()
        for path in folder.rglob("*")
        if path.is_file()
    }


def update(folder: Path, *more: str) -> tuple[int, dict[str, Any]]:
    """Run the command; return its code and its document."""
    done = CliRunner().invoke(app, ["pins", "update", "--json", "--folder", str(folder), *more])
    return done.exit_code, json.loads(done.stdout)


def lint(folder: Path) -> int:
    """Return the code of the strict check."""
    return CliRunner().invoke(app, ["pins", "lint", "--strict", "--folder", str(folder)]).exit_code


def test_digests_are_written_wherever_an_image_is_named(server: Registry, tmp_path: Path) -> None:
    """Pin file, Dockerfile and compose file name what the registry has; the rest of the files stays."""
    digest = server.push("written/base", "1.0", "first")
    base = f"{server.address}/written/base"
    project = lay(tmp_path, base=base)
    code, found = update(project)
    assert (code, found["changed"]) == (0, True)
    assert found["pins"] == [{"name": "base", "tag": "1.0", "before": "", "after": digest}]
    now = texts(project)
    assert now["Dockerfile"] == f"# Kept as it is.\r\nFROM {base}:1.0@{digest} AS base\n"
    assert f"${{X_IMAGE:-{base}:1.0@{digest}}}" in now["docker-compose.yml"]
    assert f'digest = "{digest}"' in now[PIN_FILE.as_posix()]
    assert (project / "Dockerfile").stat().st_mode & 0o777 == 0o640
    assert set(now) == {"Dockerfile", "docker-compose.yml", "deploy/pins.toml"}
    assert f"+FROM {base}:1.0@{digest}" in found["diff"]
    assert lint(project) == 0
    again = update(project)[1]
    assert (again["changed"], again["files"], again["diff"]) == (False, [], "")
    assert texts(project) == now


def test_a_tag_that_has_moved_is_newer(server: Registry, tmp_path: Path) -> None:
    """`--check` says so with code 1 and changes nothing; without it the new digest is written."""
    first = server.push("moved/base", "1.0", "first")
    project = lay(tmp_path, base=f"{server.address}/moved/base")
    assert update(project, "--check")[0] == 1
    assert first not in str(texts(project))
    update(project)
    assert update(project, "--check")[0] == 0
    second = server.push("moved/base", "1.0", "second")
    before = texts(project)
    code, found = update(project, "--check")
    assert (code, texts(project)) == (1, before)
    assert found["pins"][0] == {"name": "base", "tag": "1.0", "before": first, "after": second}
    assert "synapse pins update" in found["error"]["hint"]
    assert update(project)[0] == 0
    assert first not in str(texts(project))
    assert lint(project) == 0


def test_only_one_is_looked_up(server: Registry, tmp_path: Path) -> None:
    """The others keep what they have, even where their registry is away."""
    digest = server.push("only/one", "1.0", "one")
    project = lay(tmp_path, one=f"{server.address}/only/one", away=f"127.0.0.1:{free_port()}/away")
    code, found = update(project, "--only", "one")
    assert (code, [pin["after"] for pin in found["pins"]]) == (0, [digest, ""])
    code, found = update(project, "--only", "nobody")
    assert (code, "one" in found["error"]["hint"]) == (3, True)


def test_a_new_tag_in_the_pin_file_is_written_everywhere(server: Registry, tmp_path: Path) -> None:
    """One line is edited, and the update does the rest."""
    digest = server.push("tagged/base", "1.1", "next")
    project = lay(tmp_path, base=f"{server.address}/tagged/base")
    pins = project / PIN_FILE
    pins.write_text(pins.read_text().replace('"1.0"', '"1.1"'))
    assert update(project)[0] == 0
    assert f"tagged/base:1.1@{digest}" in texts(project)["Dockerfile"]
    assert lint(project) == 0


@pytest.mark.parametrize("missing", ["registry", "image"])
def test_nothing_is_written_when_one_cannot_be_looked_up(
    server: Registry, tmp_path: Path, missing: str
) -> None:
    """The other, which could be, is not written either."""
    server.push("half/base", "1.0", "base")
    address = server.address if missing == "image" else f"127.0.0.1:{free_port()}"
    project = lay(tmp_path, base=f"{server.address}/half/base", gone=f"{address}/half/gone")
    before = texts(project)
    code, found = update(project)
    assert (code, texts(project)) == ({"image": 3, "registry": 5}[missing], before)
    assert f"{address}/half/gone:1.0" in found["error"]["what"]


@pytest.mark.parametrize("hides_digest", [False, True])
def test_a_registry_that_gives_tokens_is_asked_with_one(server: Registry, hides_digest: bool) -> None:
    """As public registries want it; where the header is missing, the manifest itself is hashed."""
    digest = server.push("gated/base", "1.0", "gated")
    with gated(server, hides_digest=hides_digest) as gate:
        assert digest_of(f"{gate.address}/gated/base", "1.0") == digest


@pytest.mark.parametrize("realm", ["ftp://127.0.0.1/token", "nowhere"])
def test_a_token_is_fetched_from_no_odd_place(server: Registry, realm: str) -> None:
    """Where the token would come from is looked at first."""
    with gated(server, realm=realm) as gate, pytest.raises(OpsError, match="no safe place"):
        digest_of(f"{gate.address}/gated/base", "1.0")


def test_a_refused_token_ends_the_asking(server: Registry) -> None:
    """A registry that still refuses is left with its answer."""
    with gated(server, refuses=True) as gate, pytest.raises(OpsError, match="401"):
        digest_of(f"{gate.address}/gated/base", "1.0")


def test_an_image_that_a_gated_registry_does_not_have_is_named(server: Registry) -> None:
    """The answer after the token counts."""
    with gated(server) as gate, pytest.raises(NothingError, match="gated/other"):
        digest_of(f"{gate.address}/gated/other", "1.0")


@pytest.mark.parametrize(
    ("image", "url", "repository"),
    [
        ("redis", f"https://{place_of('x').url.removeprefix('https://')}", "library/redis"),
        ("versity/gateway", place_of("x").url, "versity/gateway"),
        ("registry.example/a/b", "https://registry.example", "a/b"),
        ("localhost/a", "http://localhost", "a"),
        ("127.0.0.1:5000/a", "http://127.0.0.1:5000", "a"),
    ],
)
def test_where_an_image_lies(image: str, url: str, repository: str) -> None:
    """As Docker reads the name: without TLS on this machine alone."""
    assert place_of(image) == Place(url, repository, loopback=url.startswith("http://"))
