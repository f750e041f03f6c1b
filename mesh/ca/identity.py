"""SPIFFE identities of workloads, in Istio's form."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_FORM = re.compile(r"spiffe://([a-z0-9._-]{1,255})/ns/([a-z0-9.-]{1,253})/sa/([a-z0-9.-]{1,253})")
SERVICE_ACCOUNT_USER = "system:serviceaccount:"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a workload is: its ServiceAccount in a trust domain."""

    trust_domain: str
    namespace: str
    service_account: str

    def __str__(self) -> str:
        return f"spiffe://{self.trust_domain}/ns/{self.namespace}/sa/{self.service_account}"


def parse_identity(uri: str) -> Identity | None:
    """None = not an identity of the form that Istio gives out."""
    found = _FORM.fullmatch(uri)
    return Identity(*found.groups()) if found else None


def user_identity(username: str, trust_domain: str) -> Identity | None:
    """The identity of `system:serviceaccount:NS:NAME`, None for any other user."""
    if not username.startswith(SERVICE_ACCOUNT_USER):
        return None
    namespace, separator, name = username.removeprefix(SERVICE_ACCOUNT_USER).partition(":")
    return parse_identity(f"spiffe://{trust_domain}/ns/{namespace}/sa/{name}") if separator else None


def peer_identity(certificate: Mapping[str, Any] | None) -> Identity | None:
    """The identity in a verified peer certificate (`ssl.SSLSocket.getpeercert()`).

    SPIFFE X.509-SVID section 2: exactly one URI SAN; more than one is no identity at all.
    """
    names = (certificate or {}).get("subjectAltName") or ()
    uris = [value for kind, value in names if kind == "URI"]
    return parse_identity(uris[0]) if len(uris) == 1 else None
