"""Counters, gauges and histograms: plain integers in slots, found once and kept by who counts.

A name is Envoy's (`cluster.b.upstream_rq_total`, `http.mesh.downstream_rq_2xx`). A metric with explicit `tags` is named
as Prometheus sees it (`istio_requests_total`). Look a metric up when configuration arrives, never per request:

    self.requests = stats.counter(f"cluster.{name}.upstream_rq_total")
    self.requests.value += 1
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator

Tags = tuple[tuple[str, str], ...]

METRICS_MAX = 100_000
"""Metrics of one proxy. Beyond it new names share one metric that is never shown, so that a configuration with
unbounded names costs statistics, not memory."""

BUCKETS = (
    0.5,
    1,
    5,
    10,
    25,
    50,
    100,
    250,
    500,
    1000,
    2500,
    5000,
    10000,
    30000,
    60000,
    300000,
    600000,
    1800000,
    3600000,
)
"""Envoy 1.40's default histogram buckets (source/common/stats/histogram_impl.cc), upper bounds, inclusive."""


class Counter:
    """Only grows; `value += n` is the whole interface of the hot path."""

    __slots__ = ("name", "tags", "value")
    kind = "counter"

    def __init__(self, name: str, tags: Tags) -> None:
        self.name = name
        self.tags = tags
        self.value = 0


class Gauge:
    """A level. `value` is set or moved both ways."""

    __slots__ = ("name", "tags", "value")
    kind = "gauge"

    def __init__(self, name: str, tags: Tags) -> None:
        self.name = name
        self.tags = tags
        self.value = 0


class Histogram:
    """Counts per bucket of `bounds`; the last count is what lies above all of them."""

    __slots__ = ("bounds", "counts", "name", "sum", "tags")
    kind = "histogram"

    def __init__(self, name: str, tags: Tags, bounds: tuple[float, ...] = BUCKETS) -> None:
        self.name = name
        self.tags = tags
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum: float = 0

    def record(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    @property
    def count(self) -> int:
        return sum(self.counts)

    def quantile(self, fraction: float) -> float:
        """Linear inside the bucket, as circllhist does; the last bucket answers with its lower bound."""
        rank = fraction * self.count
        seen = 0
        for index, count in enumerate(self.counts):
            if count and seen + count >= rank:
                if index == len(self.bounds):
                    return self.bounds[-1]
                low = self.bounds[index - 1] if index else 0.0
                return low + (self.bounds[index] - low) * max(0.0, rank - seen) / count
            seen += count
        return 0.0


Metric = Counter | Gauge | Histogram


class Stats:
    """All metrics of one proxy. Asking twice for a name gives the same object."""

    def __init__(self) -> None:
        self._metrics: dict[tuple[str, Tags], Metric] = {}
        self._collectors: list[Callable[[], None]] = []
        self._providers: list[Callable[[], Iterable[Metric]]] = []
        self._overflow_counter = Counter("stats.overflow", ())
        self._overflow_gauge = Gauge("stats.overflow", ())
        self._overflow_histogram = Histogram("stats.overflow", ())

    def counter(self, name: str, tags: Tags = ()) -> Counter:
        found = self._metrics.get((name, tags))
        if found is None:
            if len(self._metrics) >= METRICS_MAX:
                return self._overflow_counter
            found = self._metrics[name, tags] = Counter(name, tags)
        assert isinstance(found, Counter), f"{name} is a {found.kind}"
        return found

    def gauge(self, name: str, tags: Tags = ()) -> Gauge:
        found = self._metrics.get((name, tags))
        if found is None:
            if len(self._metrics) >= METRICS_MAX:
                return self._overflow_gauge
            found = self._metrics[name, tags] = Gauge(name, tags)
        assert isinstance(found, Gauge), f"{name} is a {found.kind}"
        return found

    def histogram(self, name: str, tags: Tags = (), *, bounds: tuple[float, ...] = BUCKETS) -> Histogram:
        found = self._metrics.get((name, tags))
        if found is None:
            if len(self._metrics) >= METRICS_MAX:
                return self._overflow_histogram
            found = self._metrics[name, tags] = Histogram(name, tags, bounds)
        assert isinstance(found, Histogram), f"{name} is a {found.kind}"
        return found

    def collect(self, collector: Callable[[], None]) -> None:
        """`collector` is called before metrics are shown: for gauges that are cheaper to ask than to keep."""
        self._collectors.append(collector)

    def provide(self, provider: Callable[[], Iterable[Metric]]) -> None:
        """`provider` makes metrics when they are shown: for those that are asked for too rarely to be kept. One that
        is kept under the same name is shown instead."""
        self._providers.append(provider)

    def remove(self, prefix: str) -> None:
        """Forget metrics whose name begins with `prefix` (`cluster.gone.`): a removed cluster's must not stay."""
        for key in [key for key in self._metrics if key[0].startswith(prefix)]:
            del self._metrics[key]

    def reset_counters(self) -> None:
        for metric in self._metrics.values():
            if isinstance(metric, Counter):
                metric.value = 0

    def __iter__(self) -> Iterator[Metric]:
        for collector in self._collectors:
            collector()
        made = {(one.name, one.tags): one for provider in self._providers for one in provider()}
        return iter(sorted((made | self._metrics).values(), key=lambda metric: (metric.name, metric.tags)))
