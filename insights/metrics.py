"""`/metrics`: what the queue, the wallets and this process look like now."""

from collections.abc import Iterable

from django.utils import timezone
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from core import telemetry
from generation import outlook
from insights import overview

CONTENT_TYPE = CONTENT_TYPE_LATEST


class _Queue(Collector):
    """What stands in each line: told by the leading conductor, or counted up to a bound where nobody leads."""

    def collect(self) -> Iterable[Metric]:
        ready = GaugeMetricFamily("wildmind_steps_ready", "Steps that wait", labels=["placement", "lane"])
        busy = GaugeMetricFamily("wildmind_steps_running", "Steps under way", labels=["placement", "lane"])
        work = GaugeMetricFamily(
            "wildmind_backlog_seconds", "Expected slot-seconds that wait", labels=["placement", "lane"]
        )
        for line in outlook.lines_now():
            ready.add_metric([line.placement, line.lane], line.ready)
            busy.add_metric([line.placement, line.lane], line.running)
            work.add_metric([line.placement, line.lane], line.backlog_seconds)
        return [ready, busy, work]

    def describe(self) -> Iterable[Metric]:
        return []


class _Outlook(Collector):
    """What the leading conductor told lately; a figure that nobody knows is absent."""

    def collect(self) -> Iterable[Metric]:
        found = overview.read(at=timezone.now())
        level = GaugeMetricFamily("wildmind_service_level", "0 takes everything, 4 nothing new")
        level.add_metric([], found.stand.level)
        oldest = GaugeMetricFamily(
            "wildmind_oldest_wait_seconds", "Age of the oldest job at the front", labels=["lane"]
        )
        waits = GaugeMetricFamily(
            "wildmind_start_wait_seconds", "How long starts of five minutes took", labels=["lane", "quantile"]
        )
        jain = GaugeMetricFamily("wildmind_fairness_jain", "Jain's index of a minute", labels=["lane"])
        inside = GaugeMetricFamily(
            "wildmind_starts_inside_band_ratio", "Jobs of a day that started within their band", labels=["lane"]
        )
        for row in found.lanes:
            lane, view = row.view.lane, row.view
            oldest.add_metric([lane], view.oldest_seconds)
            if view.waits is not None:
                waits.add_metric([lane, "0.5"], view.waits.p50)
                waits.add_metric([lane, "0.9"], view.waits.p90)
            if view.jain is not None:
                jain.add_metric([lane], view.jain)
            if row.kept is not None and row.kept.share is not None:
                inside.add_metric([lane], row.kept.share)
        return [level, oldest, waits, jain, inside]

    def describe(self) -> Iterable[Metric]:
        return []


telemetry.REGISTRY.register(_Queue())
telemetry.REGISTRY.register(_Outlook())


def exposition() -> bytes:
    """Everything in Prometheus' text format."""
    return generate_latest(telemetry.REGISTRY)
