"""The containers of the stack: up and healthy, within bounds that are set, and quiet in their logs."""

from collections.abc import Iterator
from contextlib import suppress

from pipelines.ops.containers.docker import (
    EVERY_PROFILE,
    SCHEDULER,
    SCHEDULER_PROFILE,
    SERVICES,
    Container,
    docker,
    is_secret_name,
    logs,
)
from pipelines.ops.doctor.check import Finding, Subject, amber, green, red, skipped
from pipelines.ops.doctor.logs import damage, judge_log
from pipelines.ops.doctor.quantities import size
from pipelines.ops.errors import OpsError

_UP = "Start it: docker compose up --detach --wait"
_ANEW = (
    "Keep the damaged data, and restore into an empty volume: README, `Run it in containers`,"
    " `When the data of Redis is damaged`."
)
_SHOWN = 200
_NEARLY = 0.9
_TAKEN = ("port is already allocated", "address already in use")
_LINES = {
    "6379/tcp": "REDIS_PORT",
    "8000/tcp": "API_PORT",
    "5173/tcp": "PAGE_PORT",
    "8080/tcp": "SYNAPSE_PORT",
    "9184/tcp": "SYNAPSE_SCHEDULE_PORT",
}
"""The line of .env that says where a port of a container is published."""
_BOUNDS = {"Memory": "memory", "NanoCpus": "processors", "PidsLimit": "processes"}


def look_at_containers(subject: Subject) -> Iterator[Finding]:
    """Ask Docker for each container's state and health."""
    found = subject.containers()
    for service in SERVICES:
        if service in found:
            yield _damaged(found[service]) or _state(found[service])
        else:
            yield _missing(service)
    if SCHEDULER in found:
        yield _state(found[SCHEDULER])
    elif {SCHEDULER_PROFILE, EVERY_PROFILE} & {*subject.settings.compose_profiles}:
        yield _missing(SCHEDULER)


def look_at_bounds(subject: Subject) -> Iterator[Finding]:
    """See that each container has its limits, and how near it is to its memory."""
    for container in subject.containers().values():
        name = f"limits {container.name}"
        missing = [word for key, word in _BOUNDS.items() if not container.bounds.get(key)]
        if missing:
            yield red(
                name,
                f"no limit of {', '.join(missing)}: it may take all of this machine",
                f"Restore `deploy.resources.limits` in the compose file, then {subject.start}.",
            )
        else:
            yield _memory(name, container)


def look_at_container_logs(subject: Subject) -> Iterator[Finding]:
    """Read what each container wrote in the last day."""
    for container in subject.containers().values():
        remedy = f"Read around it: docker logs --since 24h {container.name}"
        yield judge_log(subject, container.name, logs(container, since="24h"), remedy)


def look_at_form(subject: Subject) -> Iterator[Finding]:
    """Compare the form that runs with the one that the next `docker compose up` would make of it."""
    backend, named = subject.containers().get("backend"), subject.settings.form
    runs = backend.environment.get("ENVIRONMENT") if backend else None
    if runs is None:
        yield skipped("form", f"the backend has no container; .env names {named or 'no form'}")
    elif named is None:
        remedy = f"make secrets FORM={runs}"
        yield red(
            "form", f"{runs} runs, but COMPOSE_FILE in .env names no form: nothing can be started", remedy
        )
    elif named != runs:
        yield red(
            "form",
            f"{runs} runs, but COMPOSE_FILE in .env names {named}, and docker compose up makes that of it",
            f"make secrets FORM={runs} keeps what runs; {subject.start} changes it.",
        )
    else:
        yield green("form", f"{runs}, as COMPOSE_FILE in .env names it")


def look_at_secrets(subject: Subject) -> Iterator[Finding]:
    """See that no container shows a secret to whoever may inspect it."""
    shown = {
        f"{variable} of {container.name}"
        for container in subject.containers().values()
        for variable, value in container.environment.items()
        if value and is_secret_name(variable)
    }
    if shown:
        yield red(
            "secrets",
            f"docker inspect shows {', '.join(sorted(shown))}",
            "Take its line out of .env; `make secrets` says which file it belongs into. Then"
            f" {subject.start}.",
        )
    else:
        yield green("secrets", "no container has one in its environment")


def _missing(service: str) -> Finding:
    return red(f"container {service}", "it is not there", _UP)


def _state(container: Container) -> Finding:
    name, state = f"container {container.service}", container.state
    if state.get("OOMKilled"):
        return red(name, "it was killed for using more memory than its limit", "See the line `limits …`.")
    if state["Status"] != "running":
        why = state.get("Error") or f"it ended with code {state['ExitCode']}: {_last_words(container)}"
        # The end of what Docker says names the port, or whatever it was.
        remedy = _another_port(container) if any(words in why for words in _TAKEN) else _UP
        return red(name, f"{state['Status']}: {why[-_SHOWN:]}", remedy)
    health = state.get("Health")
    if health is None:
        return red(name, "it runs without a health check", "Restore `healthcheck` in the compose file.")
    if health["Status"] == "healthy":
        return _healthy(name, container)
    said = [entry["Output"].strip() for entry in health.get("Log") or ()]
    why = (said[-1] if said else "not asked yet")[:_SHOWN]
    if health["Status"] == "starting":
        return amber(name, f"it is starting: {why}", "Wait, then look again.")
    return red(name, f"unhealthy: {why}", f"Look at its log: docker logs --tail 50 {container.name}")


def _damaged(container: Container) -> Finding | None:
    """Find what Redis says of data that it cannot load; None when it says nothing of it, or is well."""
    if container.service != "redis" or (container.state.get("Health") or {}).get("Status") == "healthy":
        return None
    # A log that cannot be read has its own line.
    with suppress(OpsError):
        if (said := damage(logs(container, since="24h"))) is not None:
            told = f"its data is damaged, and it ends at each start: {said[:_SHOWN]}"
            return red("container redis", told, _ANEW)
    return None


def _another_port(container: Container) -> str:
    """Name the lines of .env that say where its ports are published, with what they say now."""
    wanted = {_LINES.get(port): bound for port, bound in (container.bounds.get("PortBindings") or {}).items()}
    lines = [f"{line}={bound[0]['HostPort']}" for line, bound in wanted.items() if line and bound]
    change = f"or set another port in .env instead of {', '.join(lines)}" if lines else "or free its port"
    return f"Stop who has it, {change}; then {_UP[0].lower()}{_UP[1:]}"


def _healthy(name: str, container: Container) -> Finding:
    told = f"healthy, started {str(container.state['StartedAt'])[:19]} UTC"
    if container.facts.get("RestartCount"):
        return amber(
            name,
            f"{told}, restarted {container.facts['RestartCount']} times since it was made",
            f"Look for the reason: docker logs {container.name}",
        )
    return green(name, told)


def _last_words(container: Container) -> str:
    try:
        return (logs(container, since="24h") or ["nothing in its log"])[-1]
    except OpsError as error:
        return error.what


def _memory(name: str, container: Container) -> Finding:
    limit = int(container.bounds["Memory"])
    if container.state["Status"] != "running":
        return skipped(name, f"it does not run; its limit is {size(limit)}")
    percent = docker("stats", "--no-stream", "--format", "{{.MemPerc}}", container.name).strip().rstrip("%")
    if not percent[:1].isdigit():
        # Docker prints `--` for one that is just starting or ending.
        return skipped(name, f"Docker does not tell what it uses; its limit is {size(limit)}")
    told = f"{percent} % of {size(limit)} in use"
    if float(percent) >= 100 * _NEARLY:
        return amber(name, told, "Raise the limit in the compose file, or find out what grows.")
    return green(name, told)
