"""No layer of an image holds a compiler or a secret, also when the checkout that it is built from does."""

import py_compile
import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stack.compose import PROJECT
from tests.stack.engine import Engine
from tests.stack.images import CHECKED_OUT, IMAGES, build
from tests.stack.layers import is_compiler, layers, places

SECRET_FILES = {".env", "redis_password", "api_token", ".netrc", ".npmrc", "id_rsa"}
SECRET = re.compile(rb"BEGIN (?:[A-Z]+ )*PRIVATE KEY-----(?:\s|\\n)+[A-Za-z0-9+/-]{8}|_authToken=")
"""A key's first line with what follows it (who reads keys knows the line alone), or a token of npm."""
OURS = ("/app", "/opt", "/root", "/tmp", "/home", "/usr/share/nginx", "/etc/nginx", "/usr/local/lib/synapse")
"""Where what we lay is, and what a person may have left; the rest is of the base images."""
CANARY = f"synapse-canary-{secrets.token_hex(8)}"
PLANTED = (
    *(".env", ".npmrc", "secrets/redis_password", "data/documents.sqlite", "backups/points/one.json"),
    *("app/.env", "app/api/.env.local", "app/.npmrc", "pipelines/.env", "pipelines/ops/.env.production"),
    *("frontend/.env", "frontend/.env.local", "frontend/.npmrc", "frontend/src/.env", "frontend/src/.npmrc"),
    *(
        f"{folder}.git/{name}"
        for folder in ("", "app/", "app/api/", "pipelines/", "frontend/", "frontend/src/")
        for name in (
            "config",
            "HEAD",
            "logs/HEAD",
            "refs/heads/main",
            "hooks/kept.py",
            "objects/pack/one.pack",
        )
    ),
)
"""Where people keep secrets in a checkout, its history among them, and that of what was cloned into it."""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a checkout in which the canary lies wherever a secret might."""
    folder = tmp_path_factory.mktemp("planted")
    for name in CHECKED_OUT:
        source = PROJECT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("node_modules", "dist", "__pycache__")
            shutil.copytree(source, folder / name, ignore=ignored)
        else:
            shutil.copy(source, folder / name)
    for name in PLANTED:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        with (folder / name).open("a") as file:
            file.write(
                f"\n//registry.example/:_authToken={CANARY}\n" if "npmrc" in name else f"\nKEY={CANARY}\n"
            )
    return folder


@pytest.fixture(scope="module")
def small(docker: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Build an image that has what none may have: in a label, in a file, in one that is hidden by another."""
    folder = tmp_path_factory.mktemp("small")
    (folder / "shown").write_text(CANARY)
    (folder / "gcc").write_text("")
    (folder / "key.py").write_text(f"KEY = '''-----BEGIN PRIVATE KEY-----\n{CANARY}'''\n")
    py_compile.compile(str(folder / "key.py"), cfile=str(folder / "key.pyc"))
    (folder / "Dockerfile").write_text(
        "FROM scratch\n"
        f"LABEL key={CANARY}\n"
        "COPY shown /etc/shown\n"
        "COPY shown /etc/hidden\n"
        "COPY gcc /etc/hidden\n"
        "COPY gcc /usr/bin/x86_64-linux-gnu-gcc-12\n"
        "COPY gcc /app/.env\n"
        "COPY key.py key.pyc /app/\n"
    )
    docker.docker("build", "--quiet", "--tag", "synapse-small", folder)
    yield "synapse-small"
    docker.docker("rmi", "synapse-small")


def test_the_search_finds_what_is_there(docker: Engine, small: str) -> None:
    """In the configuration, in a file, and in a file that a later layer hides; and a compiler."""
    found = places(docker, small, CANARY.encode())
    assert {"etc/shown", "etc/hidden"} <= set(found)
    assert any(place.endswith(".json") or "blobs" in place for place in found)
    programs = [one.name for layer in layers(docker, small) for one in layer if is_compiler(one.name)]
    assert programs == ["usr/bin/x86_64-linux-gnu-gcc-12"]


def test_the_scan_finds_keys_in_programs_too(docker: Engine, small: str) -> None:
    """In a source and in what it was compiled to, and a file of settings by its name alone."""
    found = set(forbidden(docker, small))
    assert found == {"/usr/bin/x86_64-linux-gnu-gcc-12", "/app/.env", "/app/key.py", "/app/key.pyc"}


def forbidden(docker: Engine, name: str) -> list[str]:
    """Return each path of the layers that is a compiler, a file of secrets, or holds a key or a token."""
    found: list[str] = []
    for layer in layers(docker, name):
        for member in layer:
            path = f"/{member.name.lstrip('./')}"
            if is_compiler(path) or path.rpartition("/")[2] in SECRET_FILES or "/.git/" in f"{path}/":
                found.append(path)
            if member.isfile() and path.startswith(OURS):
                file = layer.extractfile(member)
                content = file.read() if file else b""
                found += [path] if SECRET.search(content) else []
    return found


@pytest.mark.parametrize(
    "path",
    [
        *("usr/bin/gcc", "usr/bin/gcc-12", "usr/bin/x86_64-linux-gnu-gcc", "usr/bin/x86_64-linux-gnu-g++-12"),
        *(
            "usr/bin/c++",
            "usr/bin/cc",
            "usr/bin/as",
            "usr/bin/ld",
            "usr/bin/ld.gold",
            "usr/bin/x86_64-linux-gnu-ld",
        ),
        *("usr/lib/gcc/x86_64-linux-gnu/12/cc1", "usr/libexec/gcc/x86_64-linux-gnu/12/cc1plus"),
        *("usr/bin/clang-14", "usr/bin/make", "usr/local/go/bin/go", "usr/local/cargo/bin/rustc"),
    ],
)
def test_a_compiler_is_known_by_any_of_its_names(path: str) -> None:
    """With the machine before it and the version behind it."""
    assert is_compiler(path)


@pytest.mark.parametrize(
    "path", ["usr/bin/ld.so", "usr/bin/python3.11", "usr/bin/base64", "usr/share/doc/gcc-12-base", "bin/cat"]
)
def test_other_programs_are_no_compilers(path: str) -> None:
    """Names that look alike."""
    assert not is_compiler(path)


@pytest.mark.parametrize("name", sorted(IMAGES))
def test_nothing_of_the_checkout_s_secrets_is_in_an_image(docker: Engine, checkout: Path, name: str) -> None:
    """Built where secrets lie about, it has none of them: no file of any layer, no line of its history."""
    planted = f"{name}-planted"
    build(docker, name, tag=planted, project=checkout)
    try:
        assert places(docker, planted, CANARY.encode()) == []
    finally:
        docker.docker("rmi", planted)


@pytest.mark.parametrize("name", sorted(IMAGES))
def test_no_compiler_and_no_secret_in_any_layer(docker: Engine, name: str) -> None:
    """No layer holds a compiler, a key, a token or a file of settings, hidden by a later one or not."""
    assert forbidden(docker, name) == []
    history = docker.docker("history", "--no-trunc", "--format", "{{.CreatedBy}}", name)
    assert "password" not in history.lower()
    assert "token" not in history.lower()
