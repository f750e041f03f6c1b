"""Cluster addresses and node ports of Services: each given out once."""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from mesh.kube.kinds import Kind
from mesh.kube.objects import Object
from orchestrator.api.errors import Cause, invalid
from orchestrator.store.base import Change, Record, Store

RESERVED_FIRST = 256
"""Addresses below this offset are for those who ask by number (`kubernetes` .1, DNS .10), never drawn."""
NODE_PORTS = range(30_000, 32_768)
SERVICES = "/services"


class Allocation:
    """What one call has drawn: kept once its object is stored, given back otherwise. `causes`: what was refused."""

    __slots__ = ("causes", "kept")

    def __init__(self) -> None:
        self.causes: list[Cause] = []
        self.kept = False

    def keep(self) -> None:
        self.kept = True


class ServiceAddresses:
    """In use: what stored Services hold and what calls in progress have drawn."""

    def __init__(self, store: Store, service_range: str, rng: random.Random | None = None) -> None:
        self._network = ipaddress.IPv4Network(service_range)
        # Any address of the wide range may be asked for; drawn ones come from our part of it.
        self._allowed = ipaddress.IPv4Network("10.96.0.0/12")
        self._rng = rng or random.Random()
        self._addresses: set[str] = set()
        self._ports: set[int] = set()
        self._store = store
        store.subscribe(self._changed)

    async def load(self) -> None:
        for record in (await self._store.scan(SERVICES)).records:
            self._hold(record)

    def _changed(self, change: Change) -> None:
        if change.record.key.resource != SERVICES:
            return
        if change.previous is not None:
            old = change.previous.object()
            self._addresses.difference_update(_addresses(old))
            self._ports.difference_update(_node_ports(old))
        if change.type != "DELETED":
            self._hold(change.record)

    def _hold(self, record: Record) -> None:
        obj = record.object()
        self._addresses.update(_addresses(obj))
        self._ports.update(_node_ports(obj))

    @contextmanager
    def allocated(self, kind: Kind, obj: Object, old: Object | None) -> Iterator[Allocation]:
        """Fill in the addresses `obj` needs, held while the body stores it."""
        allocation = Allocation()
        if kind.plural != "services" or kind.group:
            yield allocation
            return
        spec = obj["spec"]
        addresses, ports = set(_addresses(old or {})), set(_node_ports(old or {}))
        self._give_address(spec, addresses, allocation.causes)
        self._give_ports(spec, ports, allocation.causes)
        if allocation.causes:
            yield allocation
            return
        drawn_addresses, drawn_ports = set(_addresses(obj)) - addresses, set(_node_ports(obj)) - ports
        self._addresses |= drawn_addresses
        self._ports |= drawn_ports
        try:
            yield allocation
        finally:
            if not allocation.kept:
                self._addresses -= drawn_addresses
                self._ports -= drawn_ports

    def _give_address(self, spec: dict[str, Any], before: set[str], causes: list[Cause]) -> None:
        if spec.get("type") == "ExternalName" or spec.get("clusterIP") == "None":
            return
        wanted = spec.get("clusterIP")
        if not wanted:
            wanted = spec["clusterIP"] = self._draw()
        elif wanted not in before and (wrong := self._unusable(wanted)):
            causes.append(invalid("spec.clusterIPs", [wanted], wrong))
            return
        spec["clusterIPs"] = [wanted]

    def _unusable(self, wanted: str) -> str:
        try:
            address = ipaddress.IPv4Address(wanted)
        except ValueError:
            return "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
        if address not in self._allowed:
            return (
                f"failed to allocate IP {wanted}: the provided IP ({wanted}) is not in the valid range. "
                f"The range of valid IPs is {self._allowed}"
            )
        return f"failed to allocate IP {wanted}: provided IP is already allocated" if wanted in self._addresses else ""

    def _draw(self) -> str:
        base, size = int(self._network.network_address), self._network.num_addresses
        start = self._rng.randrange(RESERVED_FIRST, size - 1)
        for step in range(size - RESERVED_FIRST - 1):
            offset = RESERVED_FIRST + (start - RESERVED_FIRST + step) % (size - RESERVED_FIRST - 1)
            address = str(ipaddress.IPv4Address(base + offset))
            if address not in self._addresses:
                return address
        raise RuntimeError("no cluster IP is left")

    def _give_ports(self, spec: dict[str, Any], before: set[int], causes: list[Cause]) -> None:
        kind = spec.get("type")
        needed = kind == "NodePort" or (
            kind == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts") is not False
        )
        taken = set(_node_ports({"spec": spec}))
        for index, port in enumerate(spec.get("ports") or []):
            wanted = port.get("nodePort")
            if not needed:
                port.pop("nodePort", None)
            elif wanted and wanted not in before and (wanted not in NODE_PORTS or wanted in self._ports):
                why = (
                    "provided port is already allocated"
                    if wanted in NODE_PORTS
                    else "provided port is not in the valid range. The range of valid ports is 30000-32767"
                )
                causes.append(invalid(f"spec.ports[{index}].nodePort", wanted, why))
            elif not wanted:
                port["nodePort"] = next(p for p in self._port_order() if p not in self._ports and p not in taken)
                taken.add(port["nodePort"])

    def _port_order(self) -> Iterable[int]:
        start = self._rng.randrange(len(NODE_PORTS))
        return (NODE_PORTS[(start + step) % len(NODE_PORTS)] for step in range(len(NODE_PORTS)))


def _addresses(service: Object) -> list[str]:
    spec = service.get("spec") or {}
    found = spec.get("clusterIPs") or ([spec["clusterIP"]] if spec.get("clusterIP") else [])
    return [address for address in found if address != "None"]


def _node_ports(service: Object) -> list[int]:
    return [port["nodePort"] for port in (service.get("spec") or {}).get("ports") or [] if port.get("nodePort")]
