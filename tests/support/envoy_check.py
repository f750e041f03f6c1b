"""Hands a compiled proxy to a real Envoy for validation, as one static bootstrap.

What Envoy gets by discovery in the mesh is put in place: routes into connection managers, endpoints into clusters,
secrets beside them. Istio's own filters, which no stock Envoy has, are left out.
"""

from __future__ import annotations

import copy
import datetime
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mesh.translate import ProxyResources

ISTIO_FILTERS = {"istio.metadata_exchange", "istio.stats"}
CANDIDATES = ("/tmp/v/bin/envoy", shutil.which("envoy") or "")


def envoy_binary() -> str:
    found = next((path for path in CANDIDATES if path and Path(path).exists()), "")
    if not found:
        pytest.skip("no Envoy on this machine")
    return found


def self_signed() -> tuple[str, str]:
    """(certificate, key) in PEM; only their shape matters."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), pem.decode()


def bootstrap(resources: ProxyResources) -> dict[str, Any]:
    certificate, key = self_signed()
    static = {
        "listeners": [_listener(one, resources) for one in resources.listeners.values()],
        "clusters": [_cluster(one, resources) for one in resources.clusters.values()],
        "secrets": [
            {
                "name": "default",
                "tls_certificate": {
                    "certificate_chain": {"inline_string": certificate},
                    "private_key": {"inline_string": key},
                },
            },
            {"name": "ROOTCA", "validation_context": {"trusted_ca": {"inline_string": certificate}}},
            *resources.secrets.values(),
        ],
    }
    return {"node": {"id": "test", "cluster": "test"}, "static_resources": static}


def _listener(listener: dict[str, Any], resources: ProxyResources) -> dict[str, Any]:
    found: dict[str, Any] = copy.deepcopy(listener)
    for chain in [
        *found["filter_chains"],
        *([found["default_filter_chain"]] if "default_filter_chain" in found else []),
    ]:
        for one in chain["filters"]:
            config = one["typed_config"]
            config.pop("tracing", None)  # names the control plane's cluster, which a bootstrap of the mesh has
            if "http_filters" in config:
                config["http_filters"] = [one for one in config["http_filters"] if one["name"] not in ISTIO_FILTERS]
            if "rds" in config:
                config["route_config"] = copy.deepcopy(resources.routes[config.pop("rds")["route_config_name"]])
    return _static_secrets(found)


def _cluster(cluster: dict[str, Any], resources: ProxyResources) -> dict[str, Any]:
    found: dict[str, Any] = copy.deepcopy(cluster)
    if found["type"] == "EDS":
        found["type"] = "STATIC"
        del found["eds_cluster_config"]
        found["load_assignment"] = resources.endpoints[found["name"]]
    return _static_secrets(found)


def _static_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _static_secrets(one) for key, one in value.items() if key != "sds_config"}
    if isinstance(value, list):
        return [_static_secrets(one) for one in value]
    return value


def validate(resources: ProxyResources, directory: Path) -> str:
    """Envoy's complaint; empty when it accepts everything."""
    path = directory / "envoy.json"
    path.write_text(json.dumps(bootstrap(resources)))
    done = subprocess.run(
        [envoy_binary(), "--mode", "validate", "-c", str(path), "-l", "error"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return "" if done.returncode == 0 else done.stderr + done.stdout
