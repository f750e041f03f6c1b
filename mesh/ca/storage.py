"""The root's home: Secret `istio-system/istio-ca-secret`, with Istio's keys.

Everything that must survive lives in the Kubernetes API; the control plane itself has no state to lose. Two control
planes that start together race for the create, and the loser takes what the winner wrote.
"""

from __future__ import annotations

import base64
import datetime as dt

from mesh.ca.authority import Authority
from mesh.kube.client import Client
from mesh.kube.errors import ApiError
from mesh.kube.kinds import SECRET
from mesh.kube.objects import Object

NAMESPACE = "istio-system"
NAME = "istio-ca-secret"
TYPE = "istio.io/ca-root"
KEY = "ca-key.pem"
CERTIFICATE = "ca-cert.pem"


async def load_or_create(client: Client, *, now: dt.datetime, organization: str) -> Authority:
    """Raises ValueError when the Secret exists and holds something else: a root is never replaced silently."""
    try:
        return read(await client.get(SECRET, NAME, NAMESPACE))
    except ApiError as failure:
        if not failure.not_found:
            raise
    fresh = Authority.create(now=now, organization=organization)
    try:
        await client.create(SECRET, secret_of(fresh), NAMESPACE)
    except ApiError as failure:
        if not failure.already_exists:
            raise
        return read(await client.get(SECRET, NAME, NAMESPACE))
    return fresh


def secret_of(authority: Authority) -> Object:
    data = {KEY: authority.key_pem, CERTIFICATE: authority.root_pem}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "type": TYPE,
        "data": {key: base64.b64encode(value).decode() for key, value in data.items()},
    }


def read(secret: Object) -> Authority:
    data = secret.get("data") or {}
    if KEY not in data or CERTIFICATE not in data:
        raise ValueError(f"Secret {NAMESPACE}/{NAME} must hold {KEY} and {CERTIFICATE}")
    return Authority.from_pem(key=base64.b64decode(data[KEY]), certificate=base64.b64decode(data[CERTIFICATE]))
