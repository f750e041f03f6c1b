"""`redirect` and `directResponse` of a rule: answers that the proxy gives by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mesh.istio.values import integer, mapping, text
from mesh.translate.resources import Resource

REDIRECT_CODES = {
    301: "MOVED_PERMANENTLY", 302: "FOUND", 303: "SEE_OTHER", 307: "TEMPORARY_REDIRECT", 308: "PERMANENT_REDIRECT",
}  # fmt: skip
PROTOCOL_PORTS = {"http": 80, "https": 443}


def redirect_action(spec: Mapping[str, Any], *, port: int, tls: bool) -> Resource | None:
    """None for a code that Envoy does not know: such a route has no action (Istio)."""
    code = REDIRECT_CODES.get(integer(spec.get("redirectCode")) or 301)
    if code is None:
        return None
    action: Resource = {"response_code": code}
    if spec.get("authority"):
        action["host_redirect"] = text(spec["authority"])
    if spec.get("uri"):
        action["path_redirect"] = text(spec["uri"])
    if spec.get("prefixRewrite"):
        action["prefix_rewrite"] = text(spec["prefixRewrite"])
    if spec.get("scheme"):
        action["scheme_redirect"] = text(spec["scheme"])
    number = _port(spec, port)
    if number and PROTOCOL_PORTS.get(text(spec.get("scheme")) or ("https" if tls else "http")) != number:
        action["port_redirect"] = number
    return action


def _port(spec: Mapping[str, Any], port: int) -> int:
    """FROM_PROTOCOL_DEFAULT is what Envoy does when no port is said."""
    return port if spec.get("derivePort") == "FROM_REQUEST_PORT" else integer(spec.get("port"))


def direct_response(spec: Mapping[str, Any]) -> Resource:
    action: Resource = {"status": integer(spec.get("status"))}
    body = mapping(spec.get("body"))
    if "string" in body:
        action["body"] = {"inline_string": text(body["string"])}
    elif "bytes" in body:
        action["body"] = {"inline_bytes": text(body["bytes"])}
    return action
