"""Every service of every form is as hardened and as bounded as the requirements say."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from app.answering.health import PATIENCE_S
from app.config.worker import GRACE_S
from app.settings import Settings
from pipelines.ops.cli.scheduling import LAST_WORDS_S
from pipelines.ops.containers.docker import is_secret_name
from pipelines.ops.pins.model import read_pins
from pipelines.ops.pins.references import references
from pipelines.ops.pins.updating import rewrites, write
from pipelines.ops.schedule.child import GRACE_S as JOB_GRACE_S
from tests.stack.compose import PROJECT, compose_command
from tests.stack.deployment import DEVELOPMENT, PRODUCTION, Deployment, laid_out
from tests.stack.engine import Engine, NoEngineError
from tests.stack.standins import ARGUMENTS
from tests.unchecked import not_checked

FORMS = {"development": DEVELOPMENT, "production": PRODUCTION}
SERVERS = ("redis", "backend", "frontend", "scheduler")
NAMES = {name: f"synapse_{name}" for name in SERVERS}
LIMITS = {"redis": ("0.5", 512), "backend": ("2", 2048), "frontend": ("1", 1024)}
LIMITS |= {"ops": ("2", 2048), "scheduler": ("2", 2048)}
RESERVED = {
    "redis": ("0.25", 256),
    "backend": ("1", 1024),
    "frontend": ("0.5", 512),
    "scheduler": ("0.25", 256),
}
HEALTH = {"redis": ("10s", "3s", "10s"), "backend": ("15s", "5s", "30s"), "frontend": ("15s", "5s", "20s")}
HEALTH |= {"scheduler": ("15s", "5s", "20s")}
MEGABYTE = 1 << 20
_SHARED_WITH_THE_MACHINE = {
    *("privileged", "pid", "ipc", "uts", "cgroup", "cgroup_parent", "network_mode", "userns_mode"),
    *("devices", "device_cgroup_rules", "group_add", "sysctls"),
}
SECRET_SETTINGS = sorted(
    name.upper() for name, field in Settings.model_fields.items() if field.annotation == SecretStr | None
)
OTHER_SECRETS = (
    *("SYNAPSE_REGISTRY_LOGIN", "SYNAPSE_PASSPHRASE", "SYNAPSE_NEW_PASSPHRASE", "SYNAPSE_COPY_PASSPHRASE"),
    *("SYNAPSE_COPY_AWS_SECRET_ACCESS_KEY", "SYNAPSE_COPY_AWS_SESSION_TOKEN"),
    *("SYNAPSE_NOTIFY_WEBHOOK", "SYNAPSE_NOTIFY_PING", "SYNAPSE_NOTIFY_SMTP_PASSWORD"),
)
NOTIFIED = {
    "webhook": "SYNAPSE_NOTIFY_WEBHOOK_FILE",
    "ping": "SYNAPSE_NOTIFY_PING_FILE",
    "smtp_password": "SYNAPSE_NOTIFY_SMTP_PASSWORD_FILE",
    "smtp_ca": "SYNAPSE_NOTIFY_SMTP_CA",
}
_HEALED = ["CMD", "/bin/sh", "/usr/local/lib/synapse/heal.sh"]
_CHECKS = {
    "redis": ["2", "/bin/sh", "/usr/local/lib/synapse/check.sh"],
    "backend": ["4", "python", "-m", "app.probe"],
    "frontend": ["4", "wget", "-q", "-O", "/dev/null"],
    "scheduler": ["4", "python", "-m", "pipelines.ops.schedule.probe"],
}
_MOUNTS = {
    "redis": {
        "/data": False,
        "/etc/synapse/redis.conf": True,
        "/usr/local/lib/synapse/start.sh": True,
        "/usr/local/lib/synapse/check.sh": True,
        "/usr/local/lib/synapse/heal.sh": True,
    },
    "backend": {"/app/data": False, "/usr/local/lib/synapse/heal.sh": True},
    "frontend": {"/usr/local/lib/synapse/heal.sh": True},
    "ops": {"/app/data": False, "/app/backups": False, "/scratch": False},
    "scheduler": {
        "/app/data": False,
        "/app/backups": False,
        "/scratch": False,
        "/usr/local/lib/synapse/heal.sh": True,
    },
}
"""Every mount that there may be, and whether it is read-only; those of development are added to it."""
_STARTS_S = 1.5
"""What the check itself may need to start on a slow machine."""


@pytest.fixture
def lay(tmp_path: Path) -> Callable[[Sequence[str]], Deployment]:
    """Give a function that lays an installation out for compose alone; no engine is needed."""
    try:
        compose_command()
    except NoEngineError as error:
        not_checked(str(error))
    return partial(laid_out, Engine("unix:///nowhere", "docker"), tmp_path)


@pytest.fixture(params=sorted(FORMS))
def form(
    request: pytest.FixtureRequest, lay: Callable[[Sequence[str]], Deployment]
) -> tuple[str, dict[str, Any]]:
    """Return the name of a form and what compose makes of it."""
    return request.param, lay(FORMS[request.param]).rendered()["services"]


def services(form: tuple[str, dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """Return every service by name."""
    found = form[1]
    assert set(found) == {*SERVERS, "ops"}
    return sorted(found.items())


def test_hardening(form: tuple[str, dict[str, Any]]) -> None:
    """No root, no capability, no new privilege, nothing privileged, a read-only root, an init."""
    for name, service in services(form):
        assert not {"", "0", "root"} & set(service["user"].split(":")), name
        assert service["cap_drop"] == ["ALL"], name
        assert not service.get("cap_add"), name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["read_only"] is True, name
        assert service["init"] is True, name
        assert not _SHARED_WITH_THE_MACHINE & set(service), name


def test_bounds(form: tuple[str, dict[str, Any]]) -> None:
    """Processors, memory, processes and logs of each are bounded as the requirements say."""
    for name, service in services(form):
        limits = service["deploy"]["resources"]["limits"]
        cpus, megabytes = LIMITS[name]
        assert (float(limits["cpus"]), int(limits["memory"])) == (float(cpus), megabytes * MEGABYTE), name
        assert 0 < limits["pids"] <= 512, name
        options = service["logging"]["options"]
        assert service["logging"]["driver"] == "json-file", name
        assert options == {"max-size": "10m", "max-file": "3"}, name
        if name in RESERVED:
            reserved = service["deploy"]["resources"]["reservations"]
            cpus, megabytes = RESERVED[name]
            assert (float(reserved["cpus"]), int(reserved["memory"])) == (float(cpus), megabytes * MEGABYTE)


def test_names_order_and_health(form: tuple[str, dict[str, Any]]) -> None:
    """Containers, network, order of start, health checks and restarts."""
    found = form[1]
    for name in SERVERS:
        service = found[name]
        interval, timeout, start = HEALTH[name]
        check = service["healthcheck"]
        assert service["container_name"] == NAMES[name]
        assert (check["interval"], check["timeout"], check["start_period"]) == (interval, timeout, start), (
            name
        )
        assert check["retries"] == 3, name
        # What hangs is started again: the check itself sees to it, since Docker does not.
        assert check["test"][: len(_HEALED)] == _HEALED, name
        asked = check["test"][len(_HEALED) :]
        assert asked[: len(_CHECKS[name])] == _CHECKS[name], name
        assert service["restart"] == "unless-stopped", name
        assert list(service["networks"]) == ["synapse_network"], name
    # It is given the time to roll back, and never begins again by itself.
    assert (found["ops"]["stop_grace_period"], found["ops"]["restart"]) == ("2m0s", "no")
    # Longer than what its workers are given to end what they have begun.
    assert found["backend"]["stop_grace_period"] == "40s"
    assert GRACE_S < 40  # the same forty
    # Longer than what a job is given to end and the scheduler to tell of it.
    assert found["scheduler"]["stop_grace_period"] == "1m40s"
    assert JOB_GRACE_S + LAST_WORDS_S < 100
    # Jobs have their delay by it, and `forget` takes it for a container of this machine.
    assert found["scheduler"]["hostname"] == "synapse-scheduler"
    assert found["scheduler"]["command"] == ["schedule"]
    assert found["scheduler"]["profiles"] == ["schedule"]
    assert found["scheduler"]["depends_on"]["redis"]["condition"] == "service_healthy"
    assert found["backend"]["depends_on"]["redis"]["condition"] == "service_healthy"
    assert found["frontend"]["depends_on"]["backend"]["condition"] == "service_healthy"


def test_a_service_that_waits_for_another_is_not_taken_for_hung(form: tuple[str, dict[str, Any]]) -> None:
    """The backend says what does not answer well before its own health check would call it hung."""
    words = form[1]["backend"]["healthcheck"]["test"]
    limit = float(words[words.index("/usr/local/lib/synapse/heal.sh") + 1])
    assert PATIENCE_S + _STARTS_S <= limit < float(HEALTH["backend"][1].removesuffix("s"))


def test_only_loopback_is_published(form: tuple[str, dict[str, Any]]) -> None:
    """Nobody else's machine reaches a port unless it is asked for."""
    name, found = form
    published = {
        (service, int(port["target"])): port["host_ip"]
        for service, one in found.items()
        for port in one.get("ports", ())
    }
    assert set(published.values()) == {"127.0.0.1"}
    wanted = {("redis", 6379), ("frontend", 5173 if name == "development" else 8080), ("scheduler", 9184)}
    assert set(published) == wanted | ({("backend", 8000)} if name == "development" else set())


def test_secrets_are_files(form: tuple[str, dict[str, Any]], tmp_path: Path) -> None:
    """No secret stands in an environment, an argument or a label; those who need one get its file."""
    rendered = str(form[1])
    for secret in ("redis_password", "api_token"):
        assert (tmp_path / "secrets" / secret).read_text() not in rendered
    for name, service in services(form):
        assert not spoken(service), name
        mounted = {secret["source"] for secret in service.get("secrets", ())}
        wanted = set() if name == "frontend" else {"redis_password"}
        if name == "scheduler":
            wanted |= {"notify_webhook", "notify_ping", "notify_smtp_password", "notify_smtp_ca"}
        if name in {"backend", "ops", "scheduler"}:
            wanted |= {"model_api_key", "embedding_api_key"}
            if form[0] == "production":
                wanted.add("api_token")
        assert mounted == wanted, name


def spoken(service: dict[str, Any]) -> list[str]:
    """Return the variables of a service that look like a secret and have a value."""
    values = service.get("environment", {})
    return [name for name in values if is_secret_name(name) and values[name]]


@pytest.mark.parametrize("name", sorted(FORMS))
@pytest.mark.parametrize("secret", [*SECRET_SETTINGS, *OTHER_SECRETS])
def test_a_secret_in_the_settings_stays_out_of_the_containers(
    lay: Callable[[Sequence[str]], Deployment], name: str, secret: str
) -> None:
    """What stands in .env for commands of this machine is kept there, or its line is refused."""
    made = lay(FORMS[name])
    with (made.folder / ".env").open("a") as settings:
        settings.write(f"{secret}=sk-very-secret\n")
    done = made.compose("--profile", "*", "config", "--format", "json", check=False)
    if secret.endswith("_API_KEY"):
        assert done.returncode
        assert f"write {secret} into the file secrets/{secret.lower()}" in done.stderr
    elif secret.startswith("SYNAPSE_NOTIFY_"):
        # Without the schedule it is for `synapse schedule` of this machine.
        assert done.returncode
        assert f"write {secret} into a file, and name that in .env: {secret}_FILE=" in done.stderr
        without = made.compose("--profile", "ops", "config", "--format", "json")
        assert "sk-very-secret" not in without.stdout + without.stderr
    else:
        assert done.returncode == 0, done.stderr
        assert "sk-very-secret" not in done.stdout
    assert "sk-very-secret" not in done.stderr


def test_without_a_named_form_nothing_starts(lay: Callable[[Sequence[str]], Deployment]) -> None:
    """A plain `docker compose up` in a folder of production by `-f` must not make development of it."""
    made = lay(())
    settings = made.folder / ".env"
    assert made.compose("config", check=False).returncode
    lines = settings.read_text().splitlines()
    settings.write_text("\n".join(line for line in lines if not line.startswith("COMPOSE_FILE")))
    done = made.compose("up", check=False)
    assert done.returncode
    assert "FORM=production" in done.stderr


def test_keys_of_s3_are_files_of_ops_and_of_the_schedule_alone(
    lay: Callable[[Sequence[str]], Deployment],
) -> None:
    """With their file added both get the place and the keys; the backend gets neither key nor file."""
    made = lay((*PRODUCTION, "deploy/compose/s3.yml"))
    for name in ("aws_access_key_id", "aws_secret_access_key"):
        (made.folder / "secrets" / name).write_text("hidden in a file")
    with (made.folder / ".env").open("a") as settings:
        settings.write("SYNAPSE_REPOSITORY=s3://bucket/prefix\nAWS_ENDPOINT_URL_S3=https://s3.example\n")
        settings.write("AWS_ACCESS_KEY_ID_FILE=./secrets/aws_access_key_id\n")
        settings.write(
            "AWS_SECRET_ACCESS_KEY_FILE=./secrets/aws_secret_access_key\nAWS_SESSION_TOKEN=hidden\n"
        )
    found = made.rendered()["services"]
    assert "hidden" not in str(found)
    keys = {"aws_access_key_id", "aws_secret_access_key"}
    for name in ("ops", "scheduler"):
        environment = found[name]["environment"]
        assert environment["SYNAPSE_REPOSITORY"] == "s3://bucket/prefix"
        assert environment["AWS_ENDPOINT_URL_S3"] == "https://s3.example"
        assert environment["AWS_SECRET_ACCESS_KEY_FILE"] == "/run/secrets/aws_secret_access_key"
        assert keys <= {secret["source"] for secret in found[name]["secrets"]}
    assert not found["backend"]["environment"]["AWS_SECRET_ACCESS_KEY_FILE"]
    assert not keys & {secret["source"] for secret in found["backend"]["secrets"]}


def test_the_passphrase_of_a_repository_is_a_file_of_ops_and_of_the_schedule_alone(
    lay: Callable[[Sequence[str]], Deployment],
) -> None:
    """With its file added both get it, and the backend neither passphrase nor file."""
    made = lay((*PRODUCTION, "deploy/compose/encrypted.yml"))
    (made.folder / "secrets" / "passphrase").write_text("hidden in a file")
    assert "SYNAPSE_PASSPHRASE_FILE= in .env" in made.compose("config", check=False).stderr
    with (made.folder / ".env").open("a") as settings:
        settings.write("SYNAPSE_PASSPHRASE_FILE=./secrets/passphrase\n")
    found = made.rendered()["services"]
    assert "hidden" not in str(found)
    told = {name: one.get("environment", {}).get("SYNAPSE_PASSPHRASE_FILE") for name, one in found.items()}
    file = "/run/secrets/passphrase"
    assert {name for name, value in told.items() if value == file} == {"ops", "scheduler"}
    assert not told["backend"]
    has = {name for name, one in found.items() if "passphrase" in str(one.get("secrets"))}
    assert has == {"ops", "scheduler"}


def test_whom_the_schedule_tells_is_in_files_that_it_alone_has(
    lay: Callable[[Sequence[str]], Deployment],
) -> None:
    """What .env names is mounted and named; for what it does not name there is an empty file, unnamed."""
    made = lay(PRODUCTION)
    whole = made.rendered()
    assert {whole["secrets"][f"notify_{name}"]["file"] for name in NOTIFIED} == {"/dev/null"}
    environment = whole["services"]["scheduler"]["environment"]
    assert [environment[variable] for variable in NOTIFIED.values()] == ["", "", "", ""]
    with (made.folder / ".env").open("a") as settings:
        settings.writelines(f"{variable}=./secrets/{name}\n" for name, variable in NOTIFIED.items())
    whole = made.rendered()
    found = whole["services"]
    for name, variable in NOTIFIED.items():
        assert whole["secrets"][f"notify_{name}"]["file"] == str(made.folder / "secrets" / name)
        assert found["scheduler"]["environment"][variable] == f"/run/secrets/notify_{name}"
        assert {found[other]["environment"][variable] for other in ("backend", "ops")} == {""}


@pytest.mark.parametrize("line", ["SYNAPSE_PASSPHRASE_FILE=./secrets/passphrase", "SYNAPSE_PASSPHRASE=shown"])
def test_ops_does_not_write_in_the_clear_when_the_file_was_not_added(
    lay: Callable[[Sequence[str]], Deployment], line: str
) -> None:
    """It is told of a file that it has not, so that each command stops with that name."""
    made = lay(PRODUCTION)
    with (made.folder / ".env").open("a") as settings:
        settings.write(line + "\n")
    found = made.rendered()["services"]
    for service in (found["ops"], found["scheduler"]):
        assert service["environment"]["SYNAPSE_PASSPHRASE_FILE"] == "/run/secrets/passphrase"
        assert "passphrase" not in {secret["source"] for secret in service["secrets"]}


def test_the_schedule_works_where_ops_does(form: tuple[str, dict[str, Any]]) -> None:
    """Same repository, scratch room and cache: it is told all that `ops` is, and its own besides."""
    ops, scheduler = form[1]["ops"], form[1]["scheduler"]
    told = {name: scheduler["environment"].get(name) for name in ops["environment"]}
    assert told == ops["environment"]
    assert scheduler["environment"]["SYNAPSE_CACHE_DIR"] == "/scratch/cache"
    assert {name for name in scheduler["environment"] if name not in told} == {"SYNAPSE_SCHEDULE_LISTEN"}
    volumes = [{mount["target"]: mount["source"] for mount in one["volumes"]} for one in (ops, scheduler)]
    assert volumes[0].items() <= volumes[1].items()


def test_mounts(form: tuple[str, dict[str, Any]]) -> None:
    """Nothing but this is mounted, no socket and no folder of the machine; sources in development alone."""
    name, found = form
    mounts = {
        (service, mount["target"]): bool(mount.get("read_only"))
        for service, one in found.items()
        for mount in one.get("volumes", ())
        if mount["type"] != "tmpfs"
    }
    development = {
        ("backend", "/app/app"): False,
        ("backend", "/app/app/config"): True,
        ("backend", "/app/tests"): True,
        ("frontend", "/app/src"): False,
        ("frontend", "/app/public"): True,
        ("frontend", "/app/node_modules"): False,
    }
    wanted = {(service, to): kept for service, all_ in _MOUNTS.items() for to, kept in all_.items()}
    assert mounts == wanted | (development if name == "development" else {})
    volumes = {mount["target"]: mount["source"] for mount in found["redis"]["volumes"]}
    assert volumes["/data"] == "synapse_redis_data"


def test_images_are_pinned(form: tuple[str, dict[str, Any]]) -> None:
    """What is pulled or built upon has the tag of a version."""
    for name, service in services(form):
        bases = [value for key, value in service.get("build", {}).get("args", {}).items() if "IMAGE" in key]
        for image in [*bases, *([] if "build" in service else [service["image"]])]:
            tag = image.rpartition("/")[2].partition(":")[2]
            assert tag[:1].isdigit() or "@sha256:" in image, (name, image)


def test_production_is_production(form: tuple[str, dict[str, Any]]) -> None:
    """The token is asked for, and only proxies of private networks say whose client speaks."""
    environment = form[1]["backend"]["environment"]
    assert environment["ENVIRONMENT"] == form[0]
    if form[0] == "production":
        assert environment["API_TOKEN_FILE"] == "/run/secrets/api_token"  # the name of a file
        assert "*" not in environment["FORWARDED_ALLOW_IPS"]
        assert "command" not in form[1]["backend"] or not form[1]["backend"]["command"]


def test_model_servers_of_the_host(form: tuple[str, dict[str, Any]]) -> None:
    """`host.docker.internal` is there on Linux too."""
    for service in ("backend", "ops", "scheduler"):
        assert form[1][service]["extra_hosts"] == ["host.docker.internal=host-gateway"]


@pytest.mark.parametrize("line", [f"{name}_FILE" for name in SECRET_SETTINGS])
def test_no_start_without_a_secret(lay: Callable[[Sequence[str]], Deployment], line: str) -> None:
    """The stack refuses to start and names the line of .env to edit."""
    made = lay(PRODUCTION)
    settings = made.folder / ".env"
    kept = settings.read_text()
    settings.write_text(kept.replace(f"{line}=", f"{line}=\n#"))
    done = made.compose("up", check=False)
    assert done.returncode
    assert f"the line {line}= " in done.stderr
    assert "make secrets" in done.stderr


@pytest.mark.parametrize("form", sorted(FORMS))
def test_images_pinned_by_digest(lay: Callable[[Sequence[str]], Deployment], form: str) -> None:
    """A digest in the pin file reaches every service and build; .env names another image instead."""
    deployment = lay(FORMS[form])
    pins = {
        name: pin.model_copy(update={"digest": f"sha256:{number:064x}"})
        for number, (name, pin) in enumerate(read_pins(PROJECT).items())
    }
    write(deployment.folder, rewrites(deployment.folder, pins, references(deployment.folder)))
    assert _named(deployment) <= set(ARGUMENTS.values())
    (deployment.folder / ".env").write_text(
        "\n".join(
            line
            for line in (deployment.folder / ".env").read_text().splitlines()
            if line.partition("=")[0] not in ARGUMENTS
        )
    )
    assert _named(deployment) <= {pin.reference for pin in pins.values()}


def _named(deployment: Deployment) -> set[str]:
    """Return every image that the services run or are built from, as compose understands it."""
    found = deployment.rendered()["services"].values()
    run = {str(service["image"]) for service in found if "build" not in service}
    built = [service["build"]["args"] for service in found if "build" in service]
    names = run | {value for args in built for key, value in args.items() if key.endswith("_IMAGE")}
    assert len(names) >= len(ARGUMENTS) - 1  # development has no nginx
    return names
