"""consistentHash of a DestinationRule: what of a request is hashed (on routes)."""

from __future__ import annotations

from typing import Any

from mesh.istio.values import duration_s, duration_text, mapping, text
from mesh.registry.model import Service
from mesh.translate.context import Viewpoint
from mesh.translate.resources import Resource


def hash_policies(view: Viewpoint, service: Service, port: int, subset: str) -> list[Resource]:
    """Envoy hash policies of calls to this service; empty without consistentHash."""
    rule = view.destination_rule(service)
    if rule is None:
        return []
    balancer = mapping(rule.policy_for(port, subset).get("loadBalancer"))
    policy = _policy(mapping(balancer.get("consistentHash")))
    return [policy] if policy else []


def _policy(spec: Any) -> Resource:
    if spec.get("httpHeaderName"):
        return {"header": {"header_name": text(spec["httpHeaderName"])}}
    if spec.get("httpCookie"):
        cookie = mapping(spec["httpCookie"])
        fields: Resource = {"name": text(cookie.get("name"))}
        ttl = duration_s(cookie.get("ttl"))
        if ttl is not None:
            fields["ttl"] = duration_text(ttl)
        if cookie.get("path"):
            fields["path"] = text(cookie["path"])
        return {"cookie": fields}
    if spec.get("useSourceIp"):
        return {"connection_properties": {"source_ip": True}}
    if spec.get("httpQueryParameterName"):
        return {"query_parameter": {"name": text(spec["httpQueryParameterName"])}}
    return {}
