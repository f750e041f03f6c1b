"""A pod's volumes on this machine: made before its containers, refreshed while it runs, removed after it.

configMap, secret, downwardAPI and projected volumes live in the run directory (memory, where the machine has it),
emptyDir in the pod's state directory. hostPath shows what its author names, except the mesh's own state.
"""

from __future__ import annotations

import logging
import os
import shutil
import time
from pathlib import Path
from typing import Any

from mesh.kube.client import Client
from mesh.kube.errors import ApiError
from mesh.kube.kinds import CONFIG_MAP, SECRET, SERVICE_ACCOUNT
from mesh.kube.objects import Object, name_of, namespace_of, uid_of
from orchestrator.controllers.node import NODE_IP
from orchestrator.controllers.pods import parse_time
from orchestrator.kubelet.payloads import TokenRequest, payload, token_requests
from orchestrator.kubelet.references import ReferenceFailure
from orchestrator.kubelet.volume_files import write
from orchestrator.layout import Layout
from orchestrator.runtimes.base import Mount, Sandbox

log = logging.getLogger(__name__)

RENEW_AT = 0.8
"""A token is replaced when this part of its life is over (kubelet: 80 %)."""


class References:
    """The ConfigMaps and Secrets that one pod refers to, fetched before they are needed."""

    def __init__(self, client: Client, namespace: str) -> None:
        self._client = client
        self._namespace = namespace
        self._found: dict[tuple[str, str], Object | None] = {}

    def lookup(self, kind: str, name: str) -> Object | None:
        return self._found.get((kind, name))

    async def fetch(self, spec: dict[str, Any]) -> None:
        """Every name that `spec` (a pod's) mentions."""
        self._found = {}
        for kind, name in sorted(_mentions(spec)):
            found = CONFIG_MAP if kind == "ConfigMap" else SECRET
            try:
                self._found[kind, name] = {"kind": kind, **await self._client.get(found, name, self._namespace)}
            except ApiError as failure:
                if not failure.not_found:
                    raise
                self._found[kind, name] = None


def _mentions(value: Any) -> set[tuple[str, str]]:
    """(kind, name) of each ConfigMap and Secret in a pod's spec."""
    found: set[tuple[str, str]] = set()
    if isinstance(value, list):
        for inner in value:
            found |= _mentions(inner)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key in {"configMap", "configMapRef", "configMapKeyRef"} and isinstance(inner, dict):
                found.add(("ConfigMap", inner.get("name", "")))
            elif key in {"secret", "secretRef", "secretKeyRef"} and isinstance(inner, dict):
                found.add(("Secret", inner.get("secretName") or inner.get("name", "")))
            found |= _mentions(inner)
    return found


class PodVolumes:
    """Of one pod. `prepare` makes all, `refresh` brings new contents and tokens, `remove` forgets them."""

    def __init__(self, client: Client, layout: Layout, pod: Object) -> None:
        self._client = client
        self._layout = layout
        self.pod = pod
        self.references = References(client, namespace_of(pod))
        self._paths: dict[str, Path] = {}
        self._tokens: dict[str, tuple[str, float]] = {}  # key -> (token, when to renew)

    async def prepare(self, sandbox: Sandbox) -> None:
        """Make every volume; raises `ReferenceFailure` when something it needs is missing."""
        await self.references.fetch(self.pod["spec"])
        for volume in self.pod["spec"].get("volumes") or []:
            self._paths[volume["name"]] = await self._make(volume, sandbox)

    async def refresh(self, sandbox: Sandbox) -> None:
        """New contents of ConfigMaps, Secrets and annotations, and tokens before they end."""
        await self.references.fetch(self.pod["spec"])
        for volume in self.pod["spec"].get("volumes") or []:
            try:
                await self._write_files(volume, sandbox)
            except ReferenceFailure as failure:
                log.info("volume %s of %s stays as it was: %s", volume["name"], name_of(self.pod), failure)

    def remove(self) -> None:
        shutil.rmtree(self._layout.volumes(uid_of(self.pod)), ignore_errors=True)
        shutil.rmtree(self._layout.pod(uid_of(self.pod)) / "volumes", ignore_errors=True)

    def mounts(self, container: dict[str, Any], variables: dict[str, str]) -> tuple[Mount, ...]:
        """The container's volumeMounts as mounts of host paths."""
        from orchestrator.kubelet.environment import expand

        made = []
        for entry in container.get("volumeMounts") or []:
            source = self._paths.get(entry["name"])
            if source is None:
                raise ReferenceFailure(f'volume "{entry["name"]}" is not defined')
            part = entry.get("subPath") or expand(entry.get("subPathExpr") or "", variables)
            if part:
                source = self._sub_path(source, part)
            files = source != self._paths[entry["name"]] or self._is_file_volume(entry["name"])
            made.append(Mount(str(source), entry["mountPath"], bool(entry.get("readOnly")) or files))
        return tuple(made)

    def _is_file_volume(self, name: str) -> bool:
        """ConfigMaps and the like are read-only in a container, as in Kubernetes."""
        volume = next(found for found in self.pod["spec"]["volumes"] if found["name"] == name)
        return not ("emptyDir" in volume or "hostPath" in volume)

    @staticmethod
    def _sub_path(source: Path, part: str) -> Path:
        target = (source / part).resolve()
        if not target.is_relative_to(source.resolve()):
            raise ReferenceFailure(f"subPath {part!r} leaves its volume")
        if not target.exists():
            target.mkdir(parents=True)
        return target

    async def _make(self, volume: dict[str, Any], sandbox: Sandbox) -> Path:
        if "hostPath" in volume:
            return self._host_path(volume["hostPath"])
        if "emptyDir" in volume:
            memory = (volume["emptyDir"] or {}).get("medium") == "Memory"
            base = self._layout.volumes(uid_of(self.pod)) if memory else self._layout.pod(uid_of(self.pod)) / "volumes"
            path = base / str(volume["name"])
            path.mkdir(mode=0o777, parents=True, exist_ok=True)
            path.chmod(0o777)
            self._chown(path, sandbox)
            return path
        written = await self._write_files(volume, sandbox)
        if written is None:
            kinds = ", ".join(key for key in volume if key != "name")
            raise ReferenceFailure(f'volume "{volume["name"]}": {kinds} is not supported on this machine')
        return written

    async def _write_files(self, volume: dict[str, Any], sandbox: Sandbox) -> Path | None:
        tokens = {request.key: await self._token(request) for request in token_requests(volume)}
        files = payload(self.pod, volume, self.references.lookup, tokens=tokens, node_ip=NODE_IP)
        if files is None:
            return None
        path = self._layout.volumes(uid_of(self.pod)) / str(volume["name"])
        user = self._user(sandbox)
        write(path, files, owner=user, group=user)
        return path

    def _user(self, sandbox: Sandbox) -> int:
        """The host's id behind the user that the pod runs as; -1 where nothing needs to change."""
        inside = (self.pod["spec"].get("securityContext") or {}).get("runAsUser") or 0
        found = sandbox.host_id(inside)
        return -1 if found is None or found == os.getuid() else found

    def _chown(self, path: Path, sandbox: Sandbox) -> None:
        user = self._user(sandbox)
        group = (self.pod["spec"].get("securityContext") or {}).get("fsGroup")
        host_group = sandbox.host_id(group) if group is not None else None
        if user >= 0 or (host_group is not None and host_group != os.getgid()):
            os.chown(path, user, user if host_group is None else host_group)

    async def _token(self, request: TokenRequest) -> str:
        held = self._tokens.get(request.key)
        if held is not None and time.time() < held[1]:
            return held[0]
        pod = self.pod
        wanted = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {
                "audiences": [request.audience] if request.audience else [],
                "expirationSeconds": request.expiration_s,
                "boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": name_of(pod), "uid": uid_of(pod)},
            },
        }
        account = pod["spec"].get("serviceAccountName") or "default"
        answer = await self._client.create(
            SERVICE_ACCOUNT, wanted, namespace_of(pod), name=account, subresource="token"
        )
        status = answer["status"]
        now = time.time()
        renew_at = now + (parse_time(status["expirationTimestamp"]) - now) * RENEW_AT
        self._tokens[request.key] = (status["token"], renew_at)
        return str(status["token"])

    def _host_path(self, source: dict[str, Any]) -> Path:
        path, kind = Path(source["path"]).resolve(), source.get("type") or ""
        for ours in (self._layout.home, self._layout.run):
            if path.is_relative_to(ours) or ours.is_relative_to(path):
                raise ReferenceFailure(f"hostPath {path} would show the mesh's own state")
        if kind in {"DirectoryOrCreate", "FileOrCreate"} and not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            if kind == "DirectoryOrCreate":
                path.mkdir()
            else:
                path.touch()
        if not path.exists():
            raise ReferenceFailure(f"hostPath {path} does not exist")
        if (kind.startswith("Directory") and not path.is_dir()) or (kind.startswith("File") and not path.is_file()):
            raise ReferenceFailure(f"hostPath {path} is not of type {kind}")
        return path
