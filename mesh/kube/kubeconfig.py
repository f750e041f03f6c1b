"""Where an API server is and how to prove who we are: kubeconfig files, and what a pod finds in its file system."""

from __future__ import annotations

import base64
import os
import ssl
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

SERVICE_ACCOUNT_FOLDER = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class KubeconfigError(ValueError):
    """The configuration cannot be used; the message says which part."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`token` reads the bearer token anew for each request, since mounted tokens rotate; None: certificate only."""

    server: str
    tls: ssl.SSLContext
    token: Callable[[], str] | None = field(default=None)
    namespace: str = "default"


def from_kubeconfig(path: Path | str, *, context: str = "") -> Endpoint:
    """The endpoint of a context, the current one unless named."""
    folder = Path(path).parent
    try:
        config: dict[str, Any] = yaml.safe_load(Path(path).read_text()) or {}
        wanted = context or config.get("current-context") or ""
        chosen = _named(config, "contexts", wanted)["context"]
        cluster = _named(config, "clusters", chosen["cluster"])["cluster"]
        user = _named(config, "users", chosen["user"])["user"] if chosen.get("user") else {}
        server = str(cluster["server"]).rstrip("/")
    except (OSError, yaml.YAMLError, KeyError, TypeError) as failure:
        raise KubeconfigError(f"{path}: {failure}") from failure
    tls = _context(cluster, user, folder)
    return Endpoint(server, tls, _token(user, folder), chosen.get("namespace") or "default")


def in_cluster(*, folder: Path = SERVICE_ACCOUNT_FOLDER) -> Endpoint:
    """The endpoint of the cluster that runs this pod."""
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT")
    if not host or not port:
        raise KubeconfigError("not in a pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set")
    tls = ssl.create_default_context(cadata=(folder / "ca.crt").read_text())
    token = folder / "token"
    namespace = (folder / "namespace").read_text().strip()
    return Endpoint(f"https://{host}:{port}", tls, lambda: token.read_text().strip(), namespace)


def _named(config: dict[str, Any], section: str, name: str) -> dict[str, Any]:
    for entry in config.get(section) or ():
        if entry.get("name") == name:
            found: dict[str, Any] = entry
            return found
    raise KubeconfigError(f"{section} has no entry named {name!r}")


def _data(entry: dict[str, Any], name: str, folder: Path) -> bytes | None:
    if inline := entry.get(f"{name}-data"):
        return base64.b64decode(inline)
    if file := entry.get(name):
        return (folder / str(file)).read_bytes()
    return None


def _context(cluster: dict[str, Any], user: dict[str, Any], folder: Path) -> ssl.SSLContext:
    authority = _data(cluster, "certificate-authority", folder)
    # Our own authority only: loading the system's bundle takes 24 ms and would trust strangers.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if authority else ssl.create_default_context()
    if authority:
        context.load_verify_locations(cadata=authority.decode())
    if cluster.get("insecure-skip-tls-verify"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    certificate, key = _data(user, "client-certificate", folder), _data(user, "client-key", folder)
    if certificate and key:
        # The ssl module reads keys from files only: one that exists for this call, readable by us alone.
        with tempfile.NamedTemporaryFile() as file:
            file.write(certificate + b"\n" + key)
            file.flush()
            context.load_cert_chain(file.name)
    return context


def _token(user: dict[str, Any], folder: Path) -> Callable[[], str] | None:
    if token := user.get("token"):
        return lambda: str(token)
    if file := user.get("tokenFile"):
        path = folder / file
        return lambda: path.read_text().strip()
    if "exec" in user or "auth-provider" in user:
        raise KubeconfigError(
            "users with an exec or auth-provider plug-in are not supported: use a certificate or token"
        )
    return None
