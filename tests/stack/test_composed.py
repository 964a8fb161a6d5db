"""What the pipelines read in the compose files is what compose makes of them; no engine is needed."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipelines.dag import composed
from pipelines.dag.composed import Mount, Service
from tests.stack.compose import PROJECT, compose_command
from tests.stack.deployment import DEVELOPMENT, PORTS, PRODUCTION, SECRETS
from tests.stack.engine import NoEngineError
from tests.unchecked import not_checked

FORMS = {"development": DEVELOPMENT, "production": PRODUCTION}
NEEDED = {f"{name.upper()}_FILE": f"./secrets/{name}" for name in SECRETS} | {"COMPOSE_FILE": "the form"}
OTHERWISE = {
    **{name: f"registry.example/other:{name.lower()}" for name in ("REDIS_IMAGE", "SYNAPSE_BACKEND_IMAGE")},
    **{name: f"other:{name.lower()}" for name in ("SYNAPSE_OPS_IMAGE", "SYNAPSE_FRONTEND_IMAGE")},
    "SYNAPSE_FRONTEND_DEV_IMAGE": "other:development",
    "SYNAPSE_USER": "1234:1234",
    "ENVIRONMENT": "staging",
    "LOG_LEVEL": "DEBUG",
    "CORS_ORIGINS": "https://one.example,https://two.example",
    "ALLOWED_HOSTS": "localhost,frontend",
    "SYNAPSE_REPOSITORY": "s3://bucket/prefix",
    "SYNAPSE_PASSPHRASE": "",
    "SYNAPSE_PASSPHRASE_FILE": "./secrets/passphrase",
    "SYNAPSE_REDIS_MEMORY_LIMIT": "1G",
    "WEB_CONCURRENCY": "2",
    "VITE_API_URL": "http://other:8000",
    "VITE_WS_URL": "ws://other:8000",
    "DATA_DIR": "./elsewhere",
    "BACKUPS_DIR": "",
    "SYNAPSE_NOTIFY_WEBHOOK": "",
    "SYNAPSE_NOTIFY_WEBHOOK_FILE": "./secrets/webhook",
    "SYNAPSE_NOTIFY_PING": "",
    "SYNAPSE_NOTIFY_PING_FILE": "./secrets/ping",
    "SYNAPSE_NOTIFY_SMTP_PASSWORD": "",
    "SYNAPSE_NOTIFY_SMTP_PASSWORD_FILE": "./secrets/smtp_password",
    "SYNAPSE_NOTIFY_SMTP_CA": "./smtp-authority.pem",
}
_TAKEN = {"image", "user", "entrypoint", "environment", "volumes", "secrets"}
_ENGINES = {"build", "depends_on", "healthcheck", "networks", "ports"}
"""What a pipeline says in its own words: images of this commit, bindings of services, a probe of the port."""
_HOSTS = {
    *("cap_drop", "command", "container_name", "deploy", "extra_hosts", "hostname", "init", "logging"),
    *("profiles", "read_only", "restart", "security_opt", "stop_grace_period", "tmpfs"),
}
"""What bounds and hardens a container that stays on a machine of its own; the policy test looks at it."""


@pytest.mark.parametrize("environ", [{}, OTHERWISE], ids=["defaults", "set"])
@pytest.mark.parametrize("form", sorted(FORMS))
def test_each_service_is_read_as_compose_reads_it(
    tmp_path: Path, form: str, environ: Mapping[str, str]
) -> None:
    """Image, user, entry point, environment, files of the project and secrets."""
    given = {**NEEDED, **environ}
    told = rendered(tmp_path, FORMS[form], given)
    found = composed.services(tmp_path, FORMS[form], given)
    expected = {name: _as_read(name, service, tmp_path) for name, service in told.items()}
    assert {name: _in_order(service) for name, service in found.items()} == expected


def test_where_it_is_published_when_nobody_says_otherwise(tmp_path: Path) -> None:
    """The ports that the README names, on this machine alone."""
    published = {
        form: {
            (name, port["host_ip"], port["published"], port["target"])
            for name, service in rendered(tmp_path, files, NEEDED).items()
            for port in service.get("ports", ())
        }
        for form, files in FORMS.items()
    }
    redis = ("redis", "127.0.0.1", "6379", 6379)
    schedule = ("scheduler", "127.0.0.1", "9184", 9184)
    assert published == {
        "development": {
            redis,
            ("backend", "127.0.0.1", "8000", 8000),
            ("frontend", "127.0.0.1", "5173", 5173),
            schedule,
        },
        "production": {redis, ("frontend", "127.0.0.1", "80", 8080), schedule},
    }


def test_nothing_else_that_production_says_is_passed_over(tmp_path: Path) -> None:
    """A new key is read, or somebody says here why it is not; none has a command but the schedule."""
    for name, service in rendered(tmp_path, composed.PRODUCTION, NEEDED).items():
        assert set(service) <= _TAKEN | _ENGINES | _HOSTS, name
        assert service["command"] == (["schedule"] if name == "scheduler" else None), name


def test_every_variable_of_a_service_has_had_another_value() -> None:
    """Those alone are left out that no part of a service which is read holds."""
    texts = [(PROJECT / name).read_text() for name in {*DEVELOPMENT, *PRODUCTION}]
    named = {name for text in texts for name in re.findall(r"\$\{(\w+)", text)}
    elsewhere = {*PORTS, "SYNAPSE_LISTEN", "SOURCE_DATE_EPOCH"}
    elsewhere |= {"PYTHON_IMAGE", "NODE_IMAGE", "NGINX_IMAGE"}  # arguments of builds
    elsewhere |= {"MODEL_API_KEY", "EMBEDDING_API_KEY"}  # compose refuses what they would name
    assert named - elsewhere - set(NEEDED) == set(OTHERWISE)


def rendered(folder: Path, files: Sequence[str], environ: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Lay the compose files into a folder, and return what compose makes of each service."""
    try:
        program = compose_command()
    except NoEngineError as error:
        not_checked(str(error))
    for name in files:
        shutil.copy(PROJECT / name, folder / name)
    named = [part for name in files for part in ("-f", name)]
    done = subprocess.run(
        [*program, *named, "--profile", "*", "config", "--format", "json"],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    services: dict[str, dict[str, Any]] = json.loads(done.stdout)["services"]
    return services


def _as_read(name: str, told: Mapping[str, Any], folder: Path) -> Service:
    mounts = [(Path(one.get("source") or "/"), one["target"]) for one in told.get("volumes", ())]
    deploy = folder / "deploy"
    return Service(
        name=name,
        image=told["image"],
        user=told["user"],
        entrypoint=tuple(told["entrypoint"] or ()),
        environment=told.get("environment") or {},
        files=_sorted(
            Mount(f"./{source.relative_to(folder)}", target)
            for source, target in mounts
            if source.is_relative_to(deploy)
        ),
        secrets=tuple(sorted(secret["source"] for secret in told.get("secrets") or ())),
    )


def _in_order(service: Service) -> Service:
    """Return it with its files and secrets in the order of their names: what comes first means nothing."""
    return replace(service, files=_sorted(service.files), secrets=tuple(sorted(service.secrets)))


def _sorted(mounts: Iterable[Mount]) -> tuple[Mount, ...]:
    return tuple(sorted(mounts, key=lambda mount: mount.target))
