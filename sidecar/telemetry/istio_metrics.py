"""Istio's standard metrics from finished records: names, labels and meaning of istio.io/docs/reference/config/metrics.

Both sides of a hop report: `reporter="source"` where the call leaves, `destination` where it arrives. What a peer says
about itself ends in label values, so the number of series has a bound.
"""

from __future__ import annotations

from sidecar.telemetry.record import ExchangeRecord, Peer
from sidecar.telemetry.stats import Counter, Histogram, Stats, Tags

SERIES_MAX = 4096
"""Label sets of one proxy; beyond it everything is counted under one set of `unknown`."""
LABEL_CHARACTERS_MAX = 256

_UNKNOWN_PEER = Peer()


class _HttpSeries:
    __slots__ = ("duration", "request_bytes", "requests", "response_bytes")

    def __init__(self, stats: Stats, tags: Tags) -> None:
        self.requests: Counter = stats.counter("istio_requests_total", tags)
        self.duration: Histogram = stats.histogram("istio_request_duration_milliseconds", tags)
        self.request_bytes: Histogram = stats.histogram("istio_request_bytes", tags)
        self.response_bytes: Histogram = stats.histogram("istio_response_bytes", tags)


class _TcpSeries:
    __slots__ = ("closed", "opened", "received", "sent")

    def __init__(self, stats: Stats, tags: Tags) -> None:
        self.opened: Counter = stats.counter("istio_tcp_connections_opened_total", tags)
        self.closed: Counter = stats.counter("istio_tcp_connections_closed_total", tags)
        self.sent: Counter = stats.counter("istio_tcp_sent_bytes_total", tags)
        self.received: Counter = stats.counter("istio_tcp_received_bytes_total", tags)


class IstioMetrics:
    """`local` describes this proxy's own workload."""

    def __init__(self, stats: Stats, local: Peer) -> None:
        self._stats = stats
        self._local = local
        self._http: dict[tuple[object, ...], _HttpSeries] = {}
        self._tcp: dict[tuple[object, ...], _TcpSeries] = {}

    def opened(self, record: ExchangeRecord) -> None:
        if record.reporter:
            self._tcp_series(record).opened.value += 1

    def finished(self, record: ExchangeRecord) -> None:
        if not record.reporter:
            return
        if record.is_http:
            series = self._http_series(record)
            series.requests.value += 1
            series.duration.record(record.duration_s * 1000)
            series.request_bytes.record(record.request_header_bytes + record.bytes_received)
            series.response_bytes.record(record.response_header_bytes + record.bytes_sent)
            return
        tcp = self._tcp_series(record)
        tcp.closed.value += 1
        # Istio counts from the destination's point of view: received = bytes of the request direction.
        tcp.received.value += record.bytes_received
        tcp.sent.value += record.bytes_sent

    def _http_series(self, record: ExchangeRecord) -> _HttpSeries:
        key: tuple[object, ...] = (
            record.reporter,
            record.cluster,
            record.destination_service,
            record.response_code,
            record.flags,
            record.grpc_status,
            record.downstream_peer,
            record.upstream_peer,
            record.downstream_peer_uri,
            record.upstream_peer_uri,
        )
        found = self._http.get(key)
        if found is None:
            if len(self._http) >= SERIES_MAX:
                key, record = ("overflow",), ExchangeRecord(reporter=record.reporter)
            tags = (
                *self._labels(record, "grpc" if record.grpc_status >= 0 else "http"),
                ("response_code", str(record.response_code)),
                ("grpc_response_status", str(record.grpc_status) if record.grpc_status >= 0 else ""),
            )
            found = self._http.setdefault(key, _HttpSeries(self._stats, tags))
        return found

    def _tcp_series(self, record: ExchangeRecord) -> _TcpSeries:
        key: tuple[object, ...] = (
            record.reporter,
            record.cluster,
            record.destination_service,
            record.flags,
            record.downstream_peer,
            record.upstream_peer,
            record.downstream_peer_uri,
            record.upstream_peer_uri,
        )
        found = self._tcp.get(key)
        if found is None:
            if len(self._tcp) >= SERIES_MAX:
                key, record = ("overflow",), ExchangeRecord(is_http=False, reporter=record.reporter)
            found = self._tcp.setdefault(key, _TcpSeries(self._stats, self._labels(record, "tcp")))
        return found

    def _labels(self, record: ExchangeRecord, protocol: str) -> Tags:
        at_source = record.reporter == "source"
        source = self._local if at_source else record.downstream_peer or _UNKNOWN_PEER
        destination = (record.upstream_peer or _UNKNOWN_PEER) if at_source else self._local
        if at_source:
            principals = record.upstream_local_uri, record.upstream_peer_uri
            security = "unknown"
        else:
            principals = record.downstream_peer_uri, record.downstream_local_uri
            security = "mutual_tls" if record.downstream_peer_uri else "none"
        service, name, namespace = destination_of(record, destination)
        labels = (
            ("reporter", record.reporter),
            *_peer_labels("source", source, principals[0]),
            *_peer_labels("destination", destination, principals[1]),
            ("destination_service", service),
            ("destination_service_name", name),
            ("destination_service_namespace", namespace),
            ("request_protocol", protocol),
            ("response_flags", record.flags or "-"),
            ("connection_security_policy", security),
        )
        return tuple((key, value[:LABEL_CHARACTERS_MAX]) for key, value in labels)


def destination_of(record: ExchangeRecord, destination: Peer) -> tuple[str, str, str]:
    """Host, short name and namespace of the service called.

    From the cluster's metadata, else its name (`outbound|9080|v1|HOST`), else the workload that answers (inbound).
    """
    host = record.destination_service
    if not host and record.cluster.startswith("outbound|"):
        host = record.cluster.rpartition("|")[2]
    if not host and record.cluster in {"PassthroughCluster", "BlackHoleCluster", "InboundPassthroughCluster"}:
        return record.cluster, record.cluster, "unknown"
    if not host and destination.canonical_name != "unknown":
        name, namespace = destination.canonical_name, destination.namespace
        return f"{name}.{namespace}.svc.cluster.local", name, namespace
    if not host:
        return "unknown", "unknown", destination.namespace
    if ".svc." in host:
        name, namespace = host.split(".", 2)[:2]
        return host, name, namespace
    return host, host, destination.namespace


def _peer_labels(side: str, peer: Peer, principal: str) -> Tags:
    return (
        (f"{side}_workload", peer.workload),
        (f"{side}_workload_namespace", peer.namespace),
        (f"{side}_principal", principal or "unknown"),
        (f"{side}_app", peer.app),
        (f"{side}_version", peer.version),
        (f"{side}_cluster", peer.cluster),
        (f"{side}_canonical_service", peer.canonical_name),
        (f"{side}_canonical_revision", peer.canonical_revision),
    )
