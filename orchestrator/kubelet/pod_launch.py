"""From a pod's manifest to what the runtime is asked: its sandbox, and each attempt of each container."""

from __future__ import annotations

import asyncio
from typing import Any

from mesh.kube.objects import Object, name_of, namespace_of, uid_of
from orchestrator.controllers.node import NODE_IP
from orchestrator.images import ImageError, Images, is_proxy, parse_reference
from orchestrator.kubelet.containers import Container
from orchestrator.kubelet.environment import command_line, environment
from orchestrator.kubelet.launcher import Launch, image_of
from orchestrator.kubelet.probes import Connect
from orchestrator.kubelet.volumes import PodVolumes
from orchestrator.layout import Layout
from orchestrator.runtimes.base import Dns, Sandbox, SandboxSpec

CLUSTER_DOMAIN = "cluster.local"
CLUSTER_DNS = "10.96.0.10"
CONNECT_TIMEOUT_S = 5.0
HOSTNAME_CHARACTERS_MAX = 63


def uses_proxy(container: Container) -> bool:
    """Whether the mesh's own proxy is its image."""
    try:
        return is_proxy(parse_reference(str(container.spec.get("image", ""))))
    except ImageError:
        return False


def sandbox_spec(pod: Object, ip: str, layout: Layout) -> SandboxSpec:
    spec = pod["spec"]
    hostname = str(spec.get("hostname") or name_of(pod))[:HOSTNAME_CHARACTERS_MAX].rstrip("-.")
    subdomain = spec.get("subdomain")
    domain = f"{namespace_of(pod)}.svc.{CLUSTER_DOMAIN}"
    return SandboxSpec(
        uid=uid_of(pod),
        name=name_of(pod),
        namespace=namespace_of(pod),
        ip=ip,
        hostname=hostname,
        log_directory=str(layout.pod(uid_of(pod)) / "logs"),
        dns=_dns(spec, namespace_of(pod)),
        fqdn=f"{hostname}.{subdomain}.{domain}" if subdomain else "",
        hosts={alias["ip"]: tuple(alias.get("hostnames") or ()) for alias in spec.get("hostAliases") or []},
        share_process_namespace=bool(spec.get("shareProcessNamespace")),
        host_network=bool(spec.get("hostNetwork")),
    )


def _dns(spec: dict[str, Any], namespace: str) -> Dns:
    """dnsPolicy and dnsConfig; whatever a pod is told, its questions reach the holder of its hooks."""
    config = spec.get("dnsConfig") or {}
    options = tuple(
        f"{found['name']}:{found['value']}" if found.get("value") else found["name"]
        for found in config.get("options") or []
    )
    nameservers, searches = tuple(config.get("nameservers") or ()), tuple(config.get("searches") or ())
    if spec.get("dnsPolicy") == "None":
        return Dns(nameservers, searches, options)
    cluster = (f"{namespace}.svc.{CLUSTER_DOMAIN}", f"svc.{CLUSTER_DOMAIN}", CLUSTER_DOMAIN)
    return Dns((CLUSTER_DNS, *nameservers), (*cluster, *searches), options or ("ndots:5",))


def launch_of(
    pod: Object, container: Container, volumes: PodVolumes, images: Images, service_variables: dict[str, str]
) -> Launch:
    """Raises `ImageError`, `ReferenceFailure` for what is not there yet."""
    image = image_of(images, str(container.spec.get("image", "")))
    base = {**(image.env if image else {}), **service_variables}
    if not pod["spec"].get("hostNetwork"):
        base.setdefault("HOSTNAME", name_of(pod))
    variables = environment(pod, container.spec, volumes.references.lookup, base=base, node_ip=NODE_IP)
    return Launch(
        name=container.name,
        attempt=container.attempt,
        log_path=container.log_path,
        argv=tuple(command_line(container.spec, image.command if image else (), variables)),
        env=variables,
        mounts=volumes.mounts(container.spec, variables),
        container=container.spec,
        pod_spec=pod["spec"],
        image=image,
    )


def connector(sandbox: Sandbox, *, host_network: bool) -> Connect:
    """Connections for probes and hooks: made inside the pod, so they need no way through its proxy."""

    async def connect(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if host_network:
            return await asyncio.open_connection(NODE_IP, port)
        return await asyncio.open_connection(sock=await sandbox.connect(port, timeout_s=CONNECT_TIMEOUT_S))

    return connect
