"""Numbers for Prometheus, of this process; `/metrics` is for inside the network only."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from app.answering.health import HealthReport

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
_STATES = {"ok": 2, "degraded": 1, "down": 0}


class Metrics:
    """One registry per application, so that two in a process do not mix."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self._requests = Counter("synapse_requests", "Requests.", labels, registry=self._registry)
        self._seconds = Histogram(
            "synapse_request_seconds", "Time to answer.", ("method", "route"), registry=self._registry
        )
        self._dependency = Gauge(
            "synapse_dependency_state", "2 ok, 1 degraded, 0 down.", ("dependency",), registry=self._registry
        )
        self._restoring = Gauge(
            "synapse_restoring", "1 while a restore is under way.", registry=self._registry
        )
        self._index = {
            what: Gauge(
                f"synapse_index_{what}", f"{what} of the index.", ("collection",), registry=self._registry
            )
            for what in ("sequence", "documents", "passages")
        }
        self._epoch = Gauge("synapse_index_info", "1.", ("collection", "epoch"), registry=self._registry)

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request; status 0 means that nobody waited for the answer."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)

    def text(self, collection: str, report: HealthReport) -> bytes:
        """Return everything in the text format."""
        for condition in report.conditions:
            self._dependency.labels(condition.name).set(_STATES[condition.state])
        self._restoring.set(report.state == "restoring")
        if report.index:
            generation = report.index.generation
            self._index["sequence"].labels(collection).set(generation.sequence)
            self._index["documents"].labels(collection).set(report.index.documents)
            self._index["passages"].labels(collection).set(report.index.passages)
            self._epoch.clear()
            self._epoch.labels(collection, generation.epoch).set(1)
        return generate_latest(self._registry)
