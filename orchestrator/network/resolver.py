"""What cluster DNS answers, from the cluster's maps alone (Kubernetes DNS specification 1.1.0). Pure.

Names of the cluster's own zone are answered here, even with "no such name"; everything else is for a server outside
(`Forward`). There are no IPv6 addresses: AAAA of an existing name is an empty answer, which ends a resolver's search.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address

from dnslib import CNAME, QTYPE, RCODE, RR, SOA, SRV, A, DNSError, DNSHeader, DNSRecord

from orchestrator.network.cluster import Cluster, Service

ZONE = "cluster.local"
TTL_S = 5
"""Short, because endpoints of headless services come and go (CoreDNS: 5)."""
UDP_BYTES = 512
CLASSES = (1, 255)
"""IN and ANY (RFC 1035 section 3.2.4)."""


@dataclass(frozen=True, slots=True)
class Forward:
    """The question is not about this cluster. `alias` = answer with this CNAME first (ExternalName)."""

    request: DNSRecord
    alias: str = ""


class Resolver:
    """Answers from `cluster`; knows nothing of sockets."""

    def __init__(self, cluster: Cluster, *, zone: str = ZONE) -> None:
        self._cluster = cluster
        self._zone = zone

    def answer(self, data: bytes) -> DNSRecord | Forward | None:
        """A reply, a question for outside, or None for what is no question (it gets no answer)."""
        try:
            request = DNSRecord.parse(data)
        except (DNSError, ValueError, IndexError):
            return None
        if request.header.qr or len(request.questions) != 1:
            return None
        if request.header.opcode != 0 or request.q.qclass not in CLASSES:
            return failure(request, RCODE.NOTIMP)
        name = str(request.q.qname).rstrip(".").lower()
        if name != self._zone and not name.endswith(f".{self._zone}"):
            return Forward(request)
        return self._own(request, name)

    def _own(self, request: DNSRecord, name: str) -> DNSRecord | Forward:
        labels = name.removesuffix(self._zone).rstrip(".").split(".") if name != self._zone else []
        found: list[str] | None = None
        if labels[-1:] == ["svc"]:
            if len(labels) <= 2:
                return _reply(request, []) if self._has_namespace(labels[:-1]) else self._no_such_name(request)
            service = self._cluster.services.get((labels[-2], labels[-3]))
            if service is not None and service.external_name and len(labels) == 3:
                return Forward(request, alias=service.external_name)
            if service is not None and len(labels) == 5 and labels[0].startswith("_"):
                return self._ports(request, service, labels[0][1:], labels[1][1:])
            if service is not None:
                found = self._addresses(service, labels[:-3])
        elif labels[-1:] == ["pod"] and len(labels) == 3:
            found = _dashed(labels[0])
        elif labels == ["dns-version"] or not labels:
            found = []
        if found is None:
            return self._no_such_name(request)
        return _reply(request, found)

    def _has_namespace(self, labels: Sequence[str]) -> bool:
        return not labels or any(namespace == labels[0] for namespace, _ in self._cluster.services)

    def _addresses(self, service: Service, host: Sequence[str]) -> list[str] | None:
        """None = no such name. `host` is what stands before the service's name: a pod's hostname."""
        if service.external_name or len(host) > 1:
            return None
        if not host:
            if service.address:
                return [service.address]
            return [endpoint.ip for endpoint in self._cluster.endpoints(service.name)]
        ready = self._cluster.endpoints(service.name)
        named = [e.ip for e in ready if host[0] in (e.hostname.lower(), e.ip.replace(".", "-"))]
        return named or None

    def _ports(self, request: DNSRecord, service: Service, port: str, protocol: str) -> DNSRecord:
        base = f"{service.name[1]}.{service.name[0]}.svc.{self._zone}"
        targets: list[tuple[str, int]] = []
        for candidate in service.ports:
            if (candidate.name, candidate.protocol.lower()) != (port, protocol):
                continue
            if service.address:
                targets.append((base, candidate.port))
            else:
                ready = self._cluster.endpoints(service.name, candidate.name)
                targets += [(f"{e.hostname or e.ip.replace('.', '-')}.{base}", e.port) for e in ready]
        if not targets:
            return self._no_such_name(request)
        reply = _empty_reply(request)
        if request.q.qtype in (QTYPE.SRV, QTYPE.ANY):
            for target, number in targets:
                record = SRV(priority=0, weight=100 // len(targets), port=number, target=target)
                reply.add_answer(RR(request.q.qname, QTYPE.SRV, ttl=TTL_S, rdata=record))
        return reply

    def _no_such_name(self, request: DNSRecord) -> DNSRecord:
        reply = failure(request, RCODE.NXDOMAIN)
        reply.header.aa = 1
        times = (1, 7200, 1800, 86400, TTL_S)
        authority = SOA(f"ns.dns.{self._zone}", f"hostmaster.{self._zone}", times)
        reply.add_auth(RR(self._zone, QTYPE.SOA, ttl=TTL_S, rdata=authority))
        return reply


def _dashed(label: str) -> list[str] | None:
    """`10-244-0-5.NS.pod` -> the address written in the name."""
    try:
        return [str(IPv4Address(label.replace("-", ".")))]
    except AddressValueError:
        return None


def _empty_reply(request: DNSRecord) -> DNSRecord:
    header = DNSHeader(id=request.header.id, qr=1, aa=1, ra=1, rd=request.header.rd)
    return DNSRecord(header, q=request.q)


def _reply(request: DNSRecord, addresses: Sequence[str]) -> DNSRecord:
    reply = _empty_reply(request)
    if request.q.qtype in (QTYPE.A, QTYPE.ANY):
        for address in addresses:
            reply.add_answer(RR(request.q.qname, QTYPE.A, ttl=TTL_S, rdata=A(address)))
    return reply


def alias_reply(request: DNSRecord, alias: str, answers: Sequence[RR]) -> DNSRecord:
    """A CNAME, and what was found behind it."""
    reply = _empty_reply(request)
    reply.add_answer(RR(request.q.qname, QTYPE.CNAME, ttl=TTL_S, rdata=CNAME(alias)))
    for record in answers:
        reply.add_answer(record)
    return reply


def failure(request: DNSRecord, code: int) -> DNSRecord:
    reply = _empty_reply(request)
    reply.header.aa = 0
    reply.header.rcode = code
    return reply


def fit_datagram(reply: DNSRecord, request: bytes) -> bytes:
    """The reply's bytes, cut (TC) when they are more than the asker takes: 512, or what its EDNS record says."""
    packed: bytes = reply.pack()
    if len(packed) <= UDP_BYTES:
        return packed
    asked = DNSRecord.parse(request)
    limit = max([UDP_BYTES, *(record.rclass for record in asked.ar if record.rtype == QTYPE.OPT)])
    return packed if len(packed) <= limit else bytes(reply.truncate().pack())
