"""`make secrets`: what it makes in a new folder and in an older one, and what it refuses."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent
DEVELOPMENT = "COMPOSE_FILE=docker-compose.yml:docker-compose.override.yml"
PRODUCTION = "COMPOSE_FILE=docker-compose.yml:docker-compose.production.yml"
NAMED = {
    f"{name}_FILE": f"./secrets/{name.lower()}"
    for name in ("REDIS_PASSWORD", "API_TOKEN", "MODEL_API_KEY", "EMBEDDING_API_KEY")
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give the folder of a clone."""
    for name in ("Makefile", "frontend/page.mk", "deploy/first-start.sh", ".env.example"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(PROJECT / name, tmp_path / name)
    # The makefile looks for the page's sources there.
    (tmp_path / "frontend/src").mkdir()
    return tmp_path


def make(folder: Path, *form: str, path: Path | None = None) -> "subprocess.CompletedProcess[str]":
    """Type `make secrets`; programs are looked for in `path` first."""
    command = ["make", "-s", "secrets", *(f"FORM={one}" for one in form)]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    # A stack of this machine is no part of a test.
    environ |= {"DOCKER_HOST": f"unix://{folder}/nobody.sock"}
    if path is not None:
        environ |= {"PATH": f"{path}{os.pathsep}{environ['PATH']}"}
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)


def made(folder: Path, *form: str) -> dict[str, str]:
    """Type it, see it go well, and return the lines of .env."""
    done = make(folder, *form)
    assert done.returncode == 0, done.stderr
    lines = (folder / ".env").read_bytes().decode().split("\n")
    assert lines.pop() == ""
    found = [line.partition("=") for line in lines if line and not line.startswith("#")]
    assert len({name for name, _, _ in found}) == len(found)
    return {name: value for name, _, value in found}


@pytest.mark.parametrize(
    ("form", "line"), [((), DEVELOPMENT), (("development",), DEVELOPMENT), (("production",), PRODUCTION)]
)
def test_a_new_folder(folder: Path, form: tuple[str, ...], line: str) -> None:
    """The form is named, every secret has its file, and a second time changes nothing."""
    lines = made(folder, *form)
    assert f"COMPOSE_FILE={lines['COMPOSE_FILE']}" == line
    assert {name: lines[name] for name in NAMED} == NAMED
    secrets = {path.name: path.read_text() for path in (folder / "secrets").iterdir()}
    assert {name for name, text in secrets.items() if not text} == {"model_api_key", "embedding_api_key"}
    assert all(len(text) == 48 for text in secrets.values() if text)
    assert (folder / "secrets").stat().st_mode & 0o777 == 0o700
    kept = (folder / ".env").read_bytes()
    assert made(folder) == lines
    assert (folder / ".env").read_bytes() == kept
    assert {path.name: path.read_text() for path in (folder / "secrets").iterdir()} == secrets
    assert not (folder / ".env.new").exists()


def test_from_one_form_to_the_other_and_back(folder: Path) -> None:
    """Naming the form changes its line alone; a line that has more files of that form stays."""
    development = made(folder)
    production = made(folder, "production")
    assert production == {**development, "COMPOSE_FILE": PRODUCTION.partition("=")[2]}
    assert made(folder, "development") == development
    more = f"{PRODUCTION}:deploy/compose/engine25.yml"
    (folder / ".env").write_text((folder / ".env").read_text().replace(DEVELOPMENT, more))
    assert f"COMPOSE_FILE={made(folder, 'production')['COMPOSE_FILE']}" == more
    other = made(folder, "development")["COMPOSE_FILE"]
    assert f"COMPOSE_FILE={other}" == f"{DEVELOPMENT}:deploy/compose/engine25.yml"
    assert make(folder, "staging").returncode


def test_an_older_folder_is_asked_for_its_form(folder: Path) -> None:
    """It may be production by two `-f`: nothing is guessed; once it is named the secrets are there too."""
    (folder / ".env").write_text("REDIS_PASSWORD_FILE=/kept/elsewhere\nSYNAPSE_PORT=81\n")
    done = make(folder)
    assert done.returncode
    assert "FORM=production" in done.stderr
    lines = made(folder, "production")
    assert f"COMPOSE_FILE={lines['COMPOSE_FILE']}" == PRODUCTION
    assert lines["REDIS_PASSWORD_FILE"] == "/kept/elsewhere"
    assert lines["MODEL_API_KEY_FILE"] == "./secrets/model_api_key"
    assert lines["SYNAPSE_PORT"] == "81"


def test_a_lost_env_does_not_make_development_out_of_production(folder: Path) -> None:
    """Nothing is made until the form is named; the secrets are those that there were."""
    made(folder, "production")
    kept = (folder / "secrets/redis_password").read_text()
    (folder / ".env").unlink()
    done = make(folder)
    assert done.returncode
    assert "FORM=production" in done.stderr
    assert not (folder / ".env").exists()
    assert f"COMPOSE_FILE={made(folder, 'production')['COMPOSE_FILE']}" == PRODUCTION
    assert (folder / "secrets/redis_password").read_text() == kept


@pytest.mark.parametrize("left", ["", "\n", None], ids=["emptied", "one line end", "deleted"])
@pytest.mark.parametrize("name", ["redis_password", "api_token"])
def test_a_lost_secret_is_made_anew_aloud(folder: Path, name: str, left: str | None) -> None:
    """What runs has the old one still: both ways out are said, once, with no word of the secret itself."""
    kept = made(folder, "production")
    path = folder / "secrets" / name
    path.unlink()
    if left is not None:
        path.write_text(left)
    done = make(folder)
    assert done.returncode == 0, done.stderr
    new = path.read_text()
    assert (len(new), path.stat().st_mode & 0o777) == (48, 0o644)
    assert f"secrets/{name} was lost and is made anew" in done.stderr
    assert "put a copy of that back" in done.stderr
    assert "docker compose up --detach --wait --force-recreate" in done.stderr
    assert new not in done.stdout + done.stderr
    again = make(folder)
    assert (again.returncode, again.stderr, path.read_text()) == (0, "", new)
    assert made(folder) == kept


def test_what_a_new_folder_is_given_was_never_lost(folder: Path) -> None:
    """Nor is a file that another one stands for: nothing is said on stderr."""
    assert make(folder).stderr == ""
    elsewhere = (folder / ".env").read_text().replace("./secrets/redis_password", "/kept/elsewhere")
    (folder / ".env").write_text(elsewhere)
    (folder / "secrets/redis_password").unlink()
    assert make(folder).stderr == ""


@pytest.mark.parametrize("name", ["redis_password", "api_token"])
def test_a_lost_env_is_noticed_where_a_secret_is_lost_too(folder: Path, name: str) -> None:
    """What is left of either secret says that this is no new folder."""
    made(folder, "production")
    (folder / ".env").unlink()
    (folder / "secrets" / name).unlink()
    other = {"redis_password": "api_token", "api_token": "redis_password"}[name]
    (folder / "secrets" / other).write_text("")
    assert "secrets/ is there and .env is lost" in make(folder).stderr
    assert not (folder / ".env").exists()


@pytest.mark.parametrize("copy", ["another", "this one", "moved away"])
def test_a_second_copy_of_a_stack_that_is_there(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, copy: str
) -> None:
    """A start in it would take the containers of the first over: it is given no password to start with."""
    beside = tmp_path_factory.mktemp("beside")
    first = beside / "the first copy"
    if copy == "another":
        first.mkdir()
        (first / "docker-compose.yml").touch()
    if copy == "this one":
        first.symlink_to(folder)
        (folder / "docker-compose.yml").touch()
    programs = beside / "programs"
    programs.mkdir()
    (programs / "docker").write_text(f"#!/bin/sh\nprintf '%s\\n' '{first}' '{first}' ''\n")
    (programs / "docker").chmod(0o755)
    done = make(folder, path=programs)
    assert bool(done.returncode) == (copy == "another"), done.stderr
    assert (f"The stack of {first} is on this machine" in done.stderr) == (copy == "another")
    assert (folder / "secrets").exists() == (copy != "another")


def test_a_copy_that_was_fetched_under_another_umask(folder: Path) -> None:
    """Containers read their files as other users; what no container reads stays shut."""
    for name in ("app", "frontend/node_modules"):
        (folder / name).mkdir(exist_ok=True)
    files = [folder / name for name in ("app/main.py", "deploy/first-start.sh", "frontend/page.mk")]
    files[0].touch()
    for path in (*files, *(file.parent for file in files)):
        path.chmod(0o700 if path.is_dir() or path.suffix == ".sh" else 0o600)
    (folder / "frontend/node_modules").chmod(0o700)
    (folder / "kept").touch(mode=0o600)
    made(folder)
    assert [path.stat().st_mode & 0o777 for path in files] == [0o644, 0o755, 0o644]
    assert all(file.parent.stat().st_mode & 0o777 == 0o755 for file in files)
    assert (folder / "kept").stat().st_mode & 0o777 == 0o600
    assert (folder / ".env").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives folders away")
@pytest.mark.parametrize("user", [None, "1234:1235", '"501"'])
def test_root_gives_the_folders_to_who_writes_there(folder: Path, user: str | None) -> None:
    """What root made is given to the containers' user; what somebody else owns already is left to them."""
    if user is not None:
        (folder / ".env").write_text(f"{(folder / '.env.example').read_text()}SYNAPSE_USER={user}\n")
    made(folder)
    wanted = {None: (1000, 1000), "1234:1235": (1234, 1235), '"501"': (501, 0)}[user]
    assert [
        ((folder / name).stat().st_uid, (folder / name).stat().st_gid) for name in ("data", "backups")
    ] == [wanted] * 2
    os.chown(folder / "data", 4321, 4321)
    made(folder)
    assert (folder / "data").stat().st_uid == 4321


def test_a_folder_of_secrets_that_is_there_is_shut(folder: Path) -> None:
    """Somebody made it for other keys, open as folders are; what is laid in it now is for nobody else."""
    (folder / "secrets").mkdir(mode=0o755)
    made(folder)
    assert (folder / "secrets").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("written", ["as one line", "as another system"])
def test_a_file_that_ends_or_breaks_otherwise(folder: Path, written: str) -> None:
    """Without a last line end, or with CR LF: each line stays one, and each secret is named."""
    example = (folder / ".env.example").read_text().replace("# SYNAPSE_PORT=80", "SYNAPSE_PORT=80")
    text = example.rstrip("\n") + "\nLOG_LEVEL=DEBUG"
    if written == "as another system":
        text = text.replace("\n", "\r\n")
    (folder / ".env").write_bytes(text.encode())
    lines = made(folder)
    assert {name: lines[name] for name in NAMED} == NAMED
    assert (lines["SYNAPSE_PORT"], lines["LOG_LEVEL"]) == ("80", "DEBUG")
    assert f"COMPOSE_FILE={lines['COMPOSE_FILE']}" == DEVELOPMENT


@pytest.mark.parametrize("name", ["MODEL_API_KEY", "EMBEDDING_API_KEY"])
def test_a_key_in_the_settings_is_named_by_its_line(folder: Path, name: str) -> None:
    """An older .env has it; the words never repeat it."""
    lines = (folder / ".env.example").read_text().splitlines()
    (folder / ".env").write_text("\n".join([*lines, f'{name}=""', ""]))
    made(folder)
    (folder / ".env").write_text("\n".join([*lines, f"{name}=sk-secret", ""]))
    done = make(folder)
    assert done.returncode
    assert f"Line {len(lines) + 1} of .env, {name}=" in done.stderr
    assert f"secrets/{name.lower()}" in done.stderr
    assert "sk-secret" not in done.stdout + done.stderr


@pytest.mark.parametrize("user", ["0:0", "0", "root", "1000:0", '"0:0"', "00:1000"])
def test_root_is_refused(folder: Path, user: str) -> None:
    """Nothing of the stack runs as root."""
    made(folder)
    with (folder / ".env").open("a") as settings:
        settings.write(f"SYNAPSE_USER={user}\n")
    done = make(folder)
    assert done.returncode
    assert "SYNAPSE_USER" in done.stderr
    assert "root" in done.stderr


def test_other_users_are_not(folder: Path) -> None:
    """A user whose number begins or ends with 0 is no root."""
    made(folder)
    kept = (folder / ".env").read_text()
    for user in ("1000:1000", "10:100", "501"):
        (folder / ".env").write_text(f"{kept}SYNAPSE_USER={user}\n")
        assert made(folder)["SYNAPSE_USER"] == user
