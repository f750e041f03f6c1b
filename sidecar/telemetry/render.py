"""Statistics as an operator reads them: Envoy's text and JSON (`/stats`), and Prometheus' exposition format.

Envoy takes labels out of dotted names with regular expressions; names of clusters contain dots too, so ours are
anchored on the vocabulary that follows the name (Envoy 1.40: source/common/config/well_known_names.cc).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from sidecar.telemetry.stats import Counter, Histogram, Metric, Tags

QUANTILES = (0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 1)
EXTRACTIONS_MAX = 20_000
"""Names whose labels are remembered between scrapes."""

_CLUSTER = re.compile(
    r"cluster\.(.+?)\."
    r"((?:(?:external|internal|canary|zone\.[\w.-]+)\.)?(?:upstream|membership|assignment|update|lb|retry_or)_\w+"
    r"|(?:http1|http2|ssl|outlier_detection|health_check|default|client_ssl_socket_factory)\.\w+"
    r"|(?:circuit_breakers|ssl)\.\w+\.[\w-]+"
    r"|bind_errors|max_host_weight|original_dst_host_invalid|version|warming_state)"
)
_HTTP = re.compile(
    r"http\.(.+?)\.((?:downstream|rq|no|rs|passthrough)_\w+|(?:tracing|fault|rbac|cors|ext_authz|jwt_authn|user_agent)\..+)"
)
_TCP = re.compile(r"tcp\.(.+?)\.((?:downstream|upstream|idle)_\w+|max_downstream\w+|no_route|early_data\w+)")
_LISTENER = re.compile(
    r"listener\.(?:(?P<admin>admin)\.)?(?:(?!http\.|main_thread\.|worker_)(?P<address>.+?)\.)?"
    r"(?:worker_(?P<worker>\d+)\.)?(?:http\.(?P<prefix>.+?)\.)?"
    r"(?P<rest>(?:downstream|no_filter|global|connections|extension|network_extension)_\w+|ssl\.\w+|main_thread\.\w+)"
)
_STATUS_CLASS = re.compile(r"(.*_rq)_([1-5])xx")
_STATUS = re.compile(r"(.*_rq)_([1-5]\d\d)")


def stats_text(metrics: Iterable[Metric], *, used_only: bool = False, pattern: re.Pattern[str] | None = None) -> str:
    """`/stats`: plain values sorted by name, then histograms, as Envoy prints them."""
    lines: list[str] = []
    histograms: list[str] = []
    for metric in _chosen(metrics, used_only, pattern):
        if isinstance(metric, Histogram):
            histograms.append(f"{full_name(metric)}: {_quantiles(metric)}\n")
        else:
            lines.append(f"{full_name(metric)}: {metric.value}\n")
    return "".join(lines + histograms)


def stats_json(metrics: Iterable[Metric], *, used_only: bool = False, pattern: re.Pattern[str] | None = None) -> str:
    """`/stats?format=json`."""
    values: list[object] = []
    computed: list[object] = []
    for metric in _chosen(metrics, used_only, pattern):
        if isinstance(metric, Histogram):
            quantiles = [{"interval": None, "cumulative": metric.quantile(q)} for q in QUANTILES]
            computed.append({"name": full_name(metric), "values": quantiles})
        else:
            values.append({"name": full_name(metric), "value": metric.value})
    if computed:
        supported = [q * 100 for q in QUANTILES]
        values.append({"histograms": {"supported_quantiles": supported, "computed_quantiles": computed}})
    return json.dumps({"stats": values}, separators=(",", ":"))


def prometheus(metrics: Iterable[Metric], *, used_only: bool = False, pattern: re.Pattern[str] | None = None) -> str:
    """`/stats/prometheus`: one `# TYPE` line a name, then its series."""
    families: dict[str, tuple[str, list[str]]] = {}
    for metric in _chosen(metrics, used_only, pattern):
        name, tags = prometheus_name(metric)
        kind, lines = families.setdefault(name, (metric.kind, []))
        if kind != metric.kind:
            continue
        lines.extend(_series(name, tags, metric))
    output: list[str] = []
    for name in sorted(families):
        kind, lines = families[name]
        output.append(f"# TYPE {name} {kind}\n")
        output.extend(lines)
    return "".join(output)


def full_name(metric: Metric) -> str:
    """The dotted name; the tags of a tagged metric follow it."""
    if not metric.tags:
        return metric.name
    return metric.name + "".join(f".{key}.{value}" for key, value in metric.tags)


def prometheus_name(metric: Metric) -> tuple[str, Tags]:
    if metric.tags or metric.name.startswith("istio_"):
        return _word(metric.name), metric.tags
    return extract(metric.name)


@lru_cache(EXTRACTIONS_MAX)
def extract(name: str) -> tuple[str, Tags]:
    """Envoy's tag extraction: `cluster.b.upstream_rq_2xx` -> `envoy_cluster_upstream_rq_xx`, class 2, cluster b."""
    tags: list[tuple[str, str]] = []
    rest = name
    if (found := _STATUS_CLASS.fullmatch(rest)) is not None:
        rest = found[1] + "_xx"
        tags.append(("envoy_response_code_class", found[2]))
    elif (found := _STATUS.fullmatch(rest)) is not None:
        rest = found[1]
        tags.append(("envoy_response_code", found[2]))
    for kind, pattern, label in (
        ("cluster", _CLUSTER, "envoy_cluster_name"),
        ("http", _HTTP, "envoy_http_conn_manager_prefix"),
        ("tcp", _TCP, "envoy_tcp_prefix"),
    ):
        if (found := pattern.fullmatch(rest)) is not None:
            tags.append((label, found[1]))
            return _word(f"envoy_{kind}_{found[2]}"), tuple(tags)
    if (found := _LISTENER.fullmatch(rest)) is not None:
        rest = _listener(found, tags)
    return _word("envoy_" + rest), tuple(tags)


def _listener(found: re.Match[str], tags: list[tuple[str, str]]) -> str:
    parts = ["listener"]
    if found["admin"]:
        parts.append("admin")
    if found["worker"]:
        parts.append("worker")
        tags.append(("envoy_worker_id", found["worker"]))
    if found["prefix"]:
        parts.append("http")
        tags.append(("envoy_http_conn_manager_prefix", found["prefix"]))
    if found["address"]:
        tags.append(("envoy_listener_address", found["address"]))
    return "_".join([*parts, found["rest"]])


def _chosen(metrics: Iterable[Metric], used_only: bool, pattern: re.Pattern[str] | None) -> Iterator[Metric]:
    for metric in metrics:
        if used_only and not (metric.sum or metric.count if isinstance(metric, Histogram) else metric.value):
            continue
        if pattern is not None and pattern.search(full_name(metric)) is None:
            continue
        yield metric


def _series(name: str, tags: Tags, metric: Metric) -> Iterator[str]:
    labels = ",".join(f'{key}="{_escape(value)}"' for key, value in tags)
    if not isinstance(metric, Histogram):
        shown = metric.value if isinstance(metric, Counter) else int(metric.value)
        yield f"{name}{{{labels}}} {shown}\n"
        return
    lead = labels + "," if labels else ""
    total = 0
    for bound, count in zip((*metric.bounds, "+Inf"), metric.counts, strict=True):
        total += count
        yield f'{name}_bucket{{{lead}le="{bound}"}} {total}\n'
    yield f"{name}_sum{{{labels}}} {metric.sum:.17g}\n"
    yield f"{name}_count{{{labels}}} {total}\n"


def _quantiles(metric: Histogram) -> str:
    if not metric.count:
        return "No recorded values"
    return " ".join(f"P{q * 100:g}(nan,{metric.quantile(q):g})" for q in QUANTILES)


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _word(name: str) -> str:
    return re.sub(r"[^a-zA-Z0-9_]", "_", name)
