"""The kubeconfig files that the API server writes for those it knows."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import yaml

from orchestrator.api.authorization import COMPONENTS, READERS
from orchestrator.api.call import MASTERS
from orchestrator.api.pki import Pair, Pki, write_private


def write_all(pki: Pki, home: Path, *, server: str, context: str) -> None:
    """`home/kubeconfig` for people, and one for each component in its own directory."""
    for path, user, groups in (
        (home / "kubeconfig", "kubernetes-admin", (MASTERS,)),
        (home / "control-plane" / "kubeconfig", "system:control-plane", (COMPONENTS,)),
        (home / "node-proxy" / "kubeconfig", "system:node-proxy", (READERS,)),
    ):
        pair = pki.client(user.removeprefix("system:"), user, groups)
        content = render(pki.authority.certificate, pair, server=server, context=context)
        if not path.exists() or path.read_bytes() != content:
            write_private(path, content)


def render(authority: bytes, user: Pair, *, server: str, context: str) -> bytes:
    def data(content: bytes) -> str:
        return base64.b64encode(content).decode()

    config: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": context, "cluster": {"certificate-authority-data": data(authority), "server": server}}],
        "contexts": [{"name": context, "context": {"cluster": context, "user": context}}],
        "current-context": context,
        "preferences": {},
        "users": [
            {
                "name": context,
                "user": {"client-certificate-data": data(user.certificate), "client-key-data": data(user.key)},
            }
        ],
    }
    return yaml.safe_dump(config, sort_keys=False).encode()
