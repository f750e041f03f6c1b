"""Certificates of gateways: Kubernetes Secrets as SDS resources, for the router that may read them.

A router gets only what its Gateways name, from its own namespace; another namespace's Secret would need a grant.
"""

from __future__ import annotations

from collections.abc import Mapping

from mesh.istio.values import mapping, text
from mesh.registry.model import Workload
from mesh.registry.state import MeshState
from mesh.translate.resources import Resource
from mesh.translate.tls import CA_SUFFIX, secret_name

CERTIFICATE_KEYS = (("tls.crt", "tls.key"), ("cert", "key"))
AUTHORITY_KEYS = ("ca.crt", "cacert")


def gateway_secrets(state: MeshState, proxy: Workload, credentials: Mapping[str, bool]) -> dict[str, Resource]:
    """`credentials`: name -> whether its client CA is needed too. A Secret that is missing or broken is left out."""
    found: dict[str, Resource] = {}
    for credential, with_authority in credentials.items():
        namespace, _, name = credential.rpartition("/")
        if namespace not in ("", proxy.namespace):
            continue
        data = _data(state, proxy.namespace, name)
        certificate = _certificate(data)
        if certificate is not None:
            found[secret_name(credential)] = {"name": secret_name(credential), "tls_certificate": certificate}
        if with_authority:
            authority = _authority(_data(state, proxy.namespace, name + CA_SUFFIX)) or _authority(data)
            if authority:
                full = secret_name(credential) + CA_SUFFIX
                found[full] = {"name": full, "validation_context": {"trusted_ca": {"inline_bytes": authority}}}
    return found


def _data(state: MeshState, namespace: str, name: str) -> Mapping[str, str]:
    return mapping(mapping(state.secrets.get((namespace, name))).get("data"))


def _certificate(data: Mapping[str, str]) -> Resource | None:
    for chain, key in CERTIFICATE_KEYS:
        if data.get(chain) and data.get(key):
            # A Secret's values are base64 already: what `inline_bytes` wants in JSON.
            return {"certificate_chain": {"inline_bytes": data[chain]}, "private_key": {"inline_bytes": data[key]}}
    return None


def _authority(data: Mapping[str, str]) -> str:
    return next((text(data[key]) for key in AUTHORITY_KEYS if data.get(key)), "")
