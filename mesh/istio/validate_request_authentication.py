"""RequestAuthentication: issuers, their keys, and where a token is found and copied to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from mesh.istio.check_targets import check_attachment
from mesh.istio.check_values import check_duration
from mesh.istio.findings import Findings
from mesh.istio.values import items, mapping, text

Spec = Mapping[str, Any]
_HEADER = re.compile(r"[-_A-Za-z0-9]+")
KEY_TYPES = frozenset({"RSA", "EC", "OKP", "oct"})


def validate_request_authentication(found: Findings, spec: Spec, namespace: str) -> None:
    del namespace
    check_attachment(found, spec)
    for at, entry in found.each("jwtRules", spec.get("jwtRules")):
        _check_rule(at, mapping(entry))


def _check_rule(found: Findings, rule: Spec) -> None:
    uri, keys = text(rule.get("jwksUri")), rule.get("jwks") or rule.get("jwks_uri")
    if not text(rule.get("issuer")) and not uri and not keys:
        found.error("issuer must be set: without keys they are looked up at the issuer's", "issuer")
    if uri:
        problem = uri_problem(uri)
        if problem:
            found.error(problem, "jwksUri")
        found.require(not keys, "only one of jwks or jwksUri can be set", "jwks")
    if keys and key_set(text(keys)) is None:
        found.error("jwks is no JSON Web Key Set (RFC 7517): want an object with a list `keys`", "jwks")
    for key in ("audiences", "fromParams", "fromCookies", "spaceDelimitedClaims"):
        for at, value in found.each(key, rule.get(key)):
            at.require(value, f"{at.path} in body should be at least 1 chars long")
    for at, location in found.each("fromHeaders", rule.get("fromHeaders")):
        name = mapping(location).get("name")
        at.require(name is not None, f"{at.path}.name: Required value", "name")
        at.require(name != "", f"{at.path}.name in body should be at least 1 chars long", "name")
    for at, copied in found.each("outputClaimToHeaders", rule.get("outputClaimToHeaders")):
        _check_copy(at, copied)
    check_duration(found, rule, "timeout")


def _check_copy(found: Findings, copied: Any) -> None:
    if not isinstance(copied, Mapping):
        found.error(f"{found.path} in body must be of type object")
        return
    for key in ("header", "claim"):
        value = copied.get(key)
        found.require(value is not None, f"{found.path}.{key}: Required value", key)
        found.require(value != "", f"{found.path}.{key} in body should be at least 1 chars long", key)
    header = text(copied.get("header"))
    if header and not _HEADER.fullmatch(header):
        found.error(f"{found.path}.header in body should match '^[-_A-Za-z0-9]+$'", "header")


def uri_problem(uri: str) -> str:
    try:
        parts = urlsplit(uri)
        port_ok = parts.port is None or parts.port > 0
    except ValueError as failure:
        return f"invalid URL {uri!r}: {failure}"
    if parts.scheme not in ("http", "https") or not port_ok:
        return f"URL scheme {parts.scheme!r} is not supported: url must have scheme http:// or https://"
    return "" if parts.hostname else f"URL {uri!r} has no host"


def key_set(text_: str) -> list[Mapping[str, Any]] | None:
    """The keys of a JSON Web Key Set; None for what is none."""
    try:
        value = msgspec.json.decode(text_)
    except msgspec.DecodeError:
        return None
    keys = [mapping(key) for key in items(mapping(value).get("keys"))]
    return keys if keys and all(key.get("kty") in KEY_TYPES for key in keys) else None
