"""The containers of the stack: up and healthy, within bounds that are set, and quiet in their logs."""

from collections.abc import Iterator

from pipelines.ops.containers.docker import SERVICES, Container, containers, docker, logs
from pipelines.ops.doctor.check import Finding, Subject, amber, green, red, skipped
from pipelines.ops.doctor.logs import judge_log
from pipelines.ops.doctor.quantities import size
from pipelines.ops.errors import OpsError

_UP = "Start it: docker compose up -d"
_SHOWN = 200
_NEARLY = 0.9
_BOUNDS = {"Memory": "memory", "NanoCpus": "processors", "PidsLimit": "processes"}


def look_at_containers(_subject: Subject) -> Iterator[Finding]:
    """Ask Docker for each container's state and health."""
    found = containers()
    for service in SERVICES:
        yield _state(found[service]) if service in found else _missing(service)


def look_at_bounds(_subject: Subject) -> Iterator[Finding]:
    """See that each container has its limits, and how near it is to its memory."""
    for container in containers().values():
        name = f"limits {container.name}"
        missing = [word for key, word in _BOUNDS.items() if not container.bounds.get(key)]
        if missing:
            yield red(
                name,
                f"no limit of {', '.join(missing)}: it may take all of this machine",
                "Restore `deploy.resources.limits` in the compose file, then docker compose up -d.",
            )
        else:
            yield _memory(name, container)


def look_at_container_logs(subject: Subject) -> Iterator[Finding]:
    """Read what each container wrote in the last day."""
    for container in containers().values():
        remedy = f"Read around it: docker logs --since 24h {container.name}"
        yield judge_log(subject, container.name, logs(container, since="24h"), remedy)


def _missing(service: str) -> Finding:
    return red(f"container {service}", "it is not there", _UP)


def _state(container: Container) -> Finding:
    name, state = f"container {container.service}", container.state
    if state.get("OOMKilled"):
        return red(name, "it was killed for using more memory than its limit", "See the line `limits …`.")
    if state["Status"] != "running":
        why = state.get("Error") or f"it ended with code {state['ExitCode']}: {_last_words(container)}"
        # The end of what Docker says names the port, or whatever it was.
        return red(name, f"{state['Status']}: {why[-_SHOWN:]}", _UP)
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
    told = f"{percent} % of {size(limit)} in use"
    if float(percent) >= 100 * _NEARLY:
        return amber(name, told, "Raise the limit in the compose file, or find out what grows.")
    return green(name, told)
