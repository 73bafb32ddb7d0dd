"""Counts for Prometheus: how many, how long, how full. No label holds what anybody asked for."""

from collections.abc import Sized

__all__ = ["Metrics"]

SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """The counts of one server."""

    def __init__(self) -> None:
        import prometheus_client as prometheus

        self.registry = prometheus.CollectorRegistry()
        self.requests = prometheus.Counter(
            "genzoo_requests", "Answers, by route and status.", ["route", "status"], registry=self.registry
        )
        self.latency = prometheus.Histogram(
            "genzoo_request_seconds", "From a request's head to the last of its answer.", ["route"],
            buckets=SECONDS, registry=self.registry,
        )  # fmt: skip
        self.together = prometheus.Histogram(
            "genzoo_turn_requests", "Requests that were answered together.", ["model"], buckets=SIZES,
            registry=self.registry,
        )  # fmt: skip
        self.rows = prometheus.Counter(
            "genzoo_rows", "Rows that were drawn or scored.", ["model"], registry=self.registry
        )
        self.symbols = prometheus.Counter("genzoo_symbols", "Symbols of texts.", ["model"], registry=self.registry)
        self.queued = prometheus.Gauge("genzoo_waiting", "Requests that wait.", ["model"], registry=self.registry)
        self.load = prometheus.Gauge("genzoo_load_seconds", "To load a run.", ["model"], registry=self.registry)

    def watch(self, model: str, line: Sized) -> None:
        """Shows how many wait in a line."""
        self.queued.labels(model).set_function(lambda: len(line))

    def turn(self, model: str, jobs: int, rows: int) -> None:
        """Counts requests that are answered together."""
        self.together.labels(model).observe(jobs)
        self.rows.labels(model).inc(rows)

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Counts an answer."""
        self.requests.labels(route, str(status)).inc()
        self.latency.labels(route).observe(seconds)

    def text(self) -> bytes:
        """All counts as Prometheus reads them."""
        from prometheus_client import generate_latest

        return generate_latest(self.registry)
