"""`/metrics`: what the queue, the wallets and this process look like now."""

from collections.abc import Iterable

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from core import telemetry
from generation import selectors

CONTENT_TYPE = CONTENT_TYPE_LATEST


class _Queue(Collector):
    """Read from the tables at each scrape: a gauge that can not drift."""

    def collect(self) -> Iterable[Metric]:
        ready = GaugeMetricFamily("wildmind_steps_ready", "Steps that wait", labels=["placement", "lane"])
        busy = GaugeMetricFamily("wildmind_steps_running", "Steps under way", labels=["placement", "lane"])
        work = GaugeMetricFamily(
            "wildmind_backlog_seconds", "Expected slot-seconds that wait", labels=["placement", "lane"]
        )
        for placement, lane, waiting, running, seconds in selectors.backlog():
            ready.add_metric([placement, lane], waiting)
            busy.add_metric([placement, lane], running)
            work.add_metric([placement, lane], seconds)
        return [ready, busy, work]

    def describe(self) -> Iterable[Metric]:
        return []


telemetry.REGISTRY.register(_Queue())


def exposition() -> bytes:
    """Everything in Prometheus' text format."""
    return generate_latest(telemetry.REGISTRY)
