"""What ``/metrics`` counts."""

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

SECONDS = (0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
SIZES = (1, 4, 16, 64, 256, 1024, 4096, 16384)


class Metrics:
    """Counters of one server, in a registry of its own."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.requests = Counter(
            "marsad_requests", "Requests answered.", ["path", "status"], registry=registry
        )
        self.documents = Counter("marsad_documents", "Documents read.", registry=registry)
        self.failed = Counter(
            "marsad_documents_failed", "Documents that got an error entry.", registry=registry
        )
        self.words = Counter("marsad_words", "Words read.", registry=registry)
        self.queue_requests = Gauge(
            "marsad_queue_requests", "Requests being received or waiting.", registry=registry
        )
        self.queue_words = Gauge(
            "marsad_queue_words",
            "Words accepted and not answered; long ones count as several.",
            registry=registry,
        )
        self.batch_documents = Histogram(
            "marsad_batch_documents", "Documents of a batch.", buckets=SIZES, registry=registry
        )
        self.batch_words = Histogram(
            "marsad_batch_words", "Words of a batch.", buckets=SIZES, registry=registry
        )
        self.seconds = Histogram(
            "marsad_stage_seconds",
            "Seconds in a stage: receive, wait (until read), read (a batch), write, all.",
            ["stage"],
            buckets=SECONDS,
            registry=registry,
        )

    def text(self) -> bytes:
        """Everything counted, as Prometheus reads it."""
        return generate_latest(self._registry)
