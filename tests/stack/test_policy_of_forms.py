"""The policy covers the added files of compose and the environment too, and each of its keys can break it."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

import pytest

from tests.stack import test_policy as policy
from tests.stack.deployment import DEVELOPMENT, PRODUCTION, Deployment

lay = policy.lay
ENGINE25, S3 = "deploy/compose/engine25.yml", "deploy/compose/s3.yml"
ENCRYPTED = "deploy/compose/encrypted.yml"
FORMS = {
    "development": DEVELOPMENT,
    "production": PRODUCTION,
    "production on engine 25": (*PRODUCTION, ENGINE25),
    "production on S3": (*PRODUCTION, S3),
    "production encrypted": (*PRODUCTION, ENCRYPTED),
}
Check = Callable[[tuple[str, dict[str, Any]]], None]
_KEYS: list[tuple[Check, str, str]] = [
    *(
        (policy.test_hardening, "backend", key)
        for key in ("user", "cap_drop", "security_opt", "read_only", "init")
    ),
    (policy.test_bounds, "redis", "deploy"),
    (policy.test_bounds, "frontend", "logging"),
    *(
        (policy.test_names_order_and_health, "backend", key)
        for key in ("container_name", "healthcheck", "restart")
    ),
    *((policy.test_names_order_and_health, "frontend", key) for key in ("networks", "depends_on")),
    *(
        (policy.test_names_order_and_health, "scheduler", key)
        for key in ("healthcheck", "restart", "stop_grace_period", "hostname", "command", "profiles")
    ),
    (policy.test_hardening, "scheduler", "read_only"),
    (policy.test_bounds, "scheduler", "deploy"),
    (policy.test_only_loopback_is_published, "redis", "ports"),
    (policy.test_only_loopback_is_published, "scheduler", "ports"),
    (policy.test_mounts, "redis", "volumes"),
    (policy.test_production_is_production, "backend", "environment"),
    (policy.test_model_servers_of_the_host, "backend", "extra_hosts"),
]


def rendered(made: Deployment) -> dict[str, Any]:
    """Return what compose makes of an installation that may keep its backups on S3, and encrypted."""
    for name in ("aws_access_key_id", "aws_secret_access_key", "passphrase"):
        (made.folder / "secrets" / name).write_text("hidden in a file")
    with (made.folder / ".env").open("a") as settings:
        for name in ("aws_access_key_id", "aws_secret_access_key"):
            settings.write(f"{name.upper()}_FILE=./secrets/{name}\n")
        settings.write("SYNAPSE_PASSPHRASE_FILE=./secrets/passphrase\n")
        settings.write(
            "SYNAPSE_REPOSITORY=s3://bucket/prefix\nLOG_LEVEL=WARNING\nCORS_ORIGINS=https://a.example\n"
        )
    return made.rendered()


@pytest.mark.parametrize("form", sorted(FORMS))
def test_every_form(lay: Callable[[Sequence[str]], Deployment], form: str) -> None:
    """Hardening, bounds, the one network, and the environment that .env or the form gives."""
    whole = rendered(lay(FORMS[form]))
    found = whole["services"]
    name = form.split(maxsplit=1)[0]
    for check in (policy.test_hardening, policy.test_bounds, policy.test_names_order_and_health):
        check((name, found))
    network = whole["networks"]["synapse_network"]
    assert (network["name"], network["driver"]) == ("synapse_network", "bridge")
    for service in ("backend", "ops", "scheduler"):
        environment = found[service]["environment"]
        told = [environment[key] for key in ("LOG_LEVEL", "CORS_ORIGINS", "REDIS_HOST", "ENVIRONMENT")]
        assert told == ["WARNING", "https://a.example", "redis", name], service
    if name == "development":
        environment = found["frontend"]["environment"]
        assert environment["VITE_API_URL"] == "http://backend:8000"
        assert environment["VITE_WS_URL"] == "ws://backend:8000"


@pytest.mark.parametrize("form", sorted(policy.FORMS))
def test_each_key_can_break_it(lay: Callable[[Sequence[str]], Deployment], form: str) -> None:
    """A service that loses any of these keys is noticed by the test of the policy that names it."""
    found = lay(policy.FORMS[form]).rendered()["services"]
    unnoticed = [key for key in _KEYS if not noticed(*key, form, found)]
    assert unnoticed == []


def noticed(check: Check, service: str, key: str, form: str, found: dict[str, Any]) -> bool:
    """Say whether a test that passes fails once a service lacks a key."""
    check((form, found))
    broken = deepcopy(found)
    del broken[service][key]
    try:
        check((form, broken))
    except (AssertionError, KeyError):
        return True
    return False
