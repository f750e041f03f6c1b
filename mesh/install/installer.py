"""Creates what is missing and repairs what this process decides; everything else belongs to the user from then on."""

from __future__ import annotations

import logging
import socket
from dataclasses import dataclass, replace

from mesh.inject.template import READY_PORT, ProxySettings
from mesh.install import gateway, manifests, webhooks
from mesh.install.gateway import GatewayPorts
from mesh.kube.client import Client
from mesh.kube.errors import ApiError
from mesh.kube.kinds import (
    CONFIG_MAP,
    DEPLOYMENT,
    MUTATING_WEBHOOK,
    NAMESPACE,
    SERVICE,
    SERVICE_ACCOUNT,
    VALIDATING_WEBHOOK,
    Kind,
)
from mesh.kube.objects import Object, name_of, namespace_of

log = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
WRITE_ATTEMPTS_MAX = 5


@dataclass(frozen=True, slots=True)
class InstallSettings:
    """`base_url` is where the API server reaches our webhooks."""

    base_url: str
    ingress_http_port: int
    ingress_https_port: int


async def install_base(client: Client) -> None:
    """What the certificate authority and its users need first: the namespace, accounts, the mesh's settings."""
    await ensure(client, NAMESPACE, manifests.namespace())
    for account in manifests.service_accounts():
        await ensure(client, SERVICE_ACCOUNT, account)
    await ensure(client, CONFIG_MAP, manifests.mesh_config())
    await ensure(client, SERVICE, manifests.control_plane_service())


async def install_webhooks(client: Client, settings: InstallSettings, *, root_pem: bytes) -> None:
    """Webhooks must be served before this is called: from here on the API server asks them."""
    for kind, wanted in (
        (MUTATING_WEBHOOK, webhooks.injector(settings.base_url, root_pem)),
        (VALIDATING_WEBHOOK, webhooks.validator(settings.base_url, root_pem)),
    ):
        await repair(client, kind, wanted, "webhooks", wanted["webhooks"])


async def install_gateway(client: Client, settings: InstallSettings, proxy: ProxySettings) -> None:
    """The gateway, its Service with the host ports of this start, and where it is published."""
    ports = GatewayPorts(settings.ingress_http_port, settings.ingress_https_port, ready=0)
    service = gateway.service(ports)
    current = await repair(client, SERVICE, service, "spec", {"ports": gateway.service_ports(ports)})
    await publish(client, current)
    try:
        deployed = await client.get(DEPLOYMENT, manifests.GATEWAY_NAME, manifests.NAMESPACE)
    except ApiError as failure:
        if not failure.not_found:
            raise
        ready = free_port(READY_PORT)
        await ensure(client, DEPLOYMENT, gateway.deployment(replace(ports, ready=ready), proxy))
        return
    await follow(client, deployed, proxy)


async def follow(client: Client, deployed: Object, proxy: ProxySettings) -> None:
    """The control plane's address is of this start: a gateway that was told another one is told again."""
    wanted = gateway.deployment(GatewayPorts(0, 0, ready=0), proxy)
    new = {one["name"]: one for one in wanted["spec"]["template"]["spec"]["containers"][0]["env"]}
    containers = deployed["spec"]["template"]["spec"]["containers"]
    addresses = ("CA_ADDR", "PROXY_CONFIG")
    for container in containers:
        env = container.get("env") or []
        if not any(one["name"] == "CA_ADDR" and one.get("value") != proxy.discovery_address for one in env):
            continue
        container["env"] = [new[one["name"]] if one["name"] in addresses else one for one in env]
        spec = {"template": {"spec": {"containers": containers}}}
        await client.patch(DEPLOYMENT, name_of(deployed), {"spec": spec}, namespace_of(deployed))
        return


async def publish(client: Client, service: Object) -> None:
    """`status.loadBalancer`: on this machine a LoadBalancer's address is loopback."""
    wanted = {"ingress": [{"ip": LOOPBACK}]}
    if ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") != wanted["ingress"]:
        status = {"status": {"loadBalancer": wanted}}
        await client.patch(SERVICE, name_of(service), status, namespace_of(service), subresource="status")


async def ensure(client: Client, kind: Kind, wanted: Object) -> Object:
    """The object as it is, created if it is not there."""
    for _ in range(WRITE_ATTEMPTS_MAX):
        try:
            return await client.get(kind, name_of(wanted), namespace_of(wanted))
        except ApiError as failure:
            if not failure.not_found:
                raise
        try:
            created = await client.create(kind, wanted, namespace_of(wanted))
            log.info("created %s %s", kind.kind, name_of(wanted))
            return created
        except ApiError as failure:
            # Somebody else created it in between, or its namespace's default account is not there yet.
            if not failure.already_exists:
                raise
    raise RuntimeError(f"{kind.kind} {name_of(wanted)} is neither there nor can it be created")


async def repair(client: Client, kind: Kind, wanted: Object, member: str, value: object) -> Object:
    """Like `ensure`; a `member` that differs from `value` is patched."""
    current = await ensure(client, kind, wanted)
    if _contains(current.get(member), value):
        return current
    log.info("updating %s %s", kind.kind, name_of(wanted))
    return await client.patch(kind, name_of(wanted), {member: value}, namespace_of(wanted))


def _contains(current: object, wanted: object) -> bool:
    """`wanted` is in `current`; members that the server added by itself do not count."""
    if isinstance(wanted, dict) and isinstance(current, dict):
        return all(_contains(current.get(key), value) for key, value in wanted.items())
    if isinstance(wanted, list) and isinstance(current, list):
        return len(wanted) == len(current) and all(map(_contains, current, wanted))
    return current == wanted


def free_port(preferred: int) -> int:
    """`preferred` if nobody listens there, else any free one. For probes of a pod in the host's network."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("no free port")
