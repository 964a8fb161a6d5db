"""Numbers for Prometheus; `/metrics` is for inside the network only."""

from collections.abc import Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.registry import Collector

from app.answering.health import HealthReport
from app.api import shared_metrics

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
_STATES = {"ok": 2, "degraded": 1, "down": 0}


class Metrics:
    """One registry per application, so that two in a process do not mix.

    With `shared`, a folder that several workers have in common, each tells the counts of all of them.
    """

    def __init__(self, shared: Path | None = None) -> None:
        if shared is not None:
            shared_metrics.join(shared)
        self._shared = shared
        self._own = CollectorRegistry()
        labels = ("method", "route", "status")
        self._requests = Counter("synapse_requests", "Requests.", labels, registry=self._own)
        self._seconds = Histogram(
            "synapse_request_seconds", "Time to answer.", ("method", "route"), registry=self._own
        )

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request; status 0 means that nobody waited for the answer."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)

    def text(self, collection: str, report: HealthReport) -> bytes:
        """Return everything in the text format."""
        present = CollectorRegistry()
        present.register(_Present(collection, report))
        counted = self._own if self._shared is None else shared_metrics.everybody(self._shared)
        return generate_latest(counted) + generate_latest(present)


class _Present(Collector):
    """How things are now, which any worker can tell for all."""

    def __init__(self, collection: str, report: HealthReport) -> None:
        self._collection = collection
        self._report = report

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield each number (prometheus-client)."""
        states = GaugeMetricFamily(
            "synapse_dependency_state", "2 ok, 1 degraded, 0 down.", labels=["dependency"]
        )
        for condition in self._report.conditions:
            states.add_metric([condition.name], _STATES[condition.state])
        yield states
        restoring = self._report.state == "restoring"
        yield GaugeMetricFamily("synapse_restoring", "1 while a restore is under way.", value=restoring)
        yield from self._index()

    def _index(self) -> Iterator[GaugeMetricFamily]:
        index = self._report.index
        if index is None:
            return
        sizes = {
            "sequence": index.generation.sequence,
            "documents": index.documents,
            "passages": index.passages,
        }
        for what, size in sizes.items():
            family = GaugeMetricFamily(
                f"synapse_index_{what}", f"{what} of the index.", labels=["collection"]
            )
            family.add_metric([self._collection], size)
            yield family
        info = GaugeMetricFamily("synapse_index_info", "1.", labels=["collection", "epoch"])
        info.add_metric([self._collection, index.generation.epoch], 1)
        yield info
