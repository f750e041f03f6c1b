"""Names of the mesh and their addresses. Pure: a question in, an answer or "ask somebody else" out.

Rules of Istio's DNS proxy (pkg/dns/client): names of the table and, within its own namespace, their short forms;
wildcard hosts match by their suffix; a name without an AAAA record is an empty answer, not NXDOMAIN; what is under
the cluster's domain and not in the table does not exist.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

CLUSTER_DOMAIN = "svc.cluster.local"
WILDCARD_LABELS_MAX = 32


class NameTable:
    """`table` is the NDS resource's: host -> {ips, shortname, namespace, registry, cname}."""

    def __init__(self, table: Mapping[str, Any] | None = None, *, namespace: str = "") -> None:
        self._addresses: dict[str, tuple[str, ...]] = {}
        self._aliases: dict[str, str] = {}
        for host, entry in (table or {}).items():
            if isinstance(entry, Mapping):
                self._add(host.lower().rstrip("."), entry, namespace)

    def __len__(self) -> int:
        return len(self._addresses)

    def _add(self, host: str, entry: Mapping[str, Any], namespace: str) -> None:
        alias = entry.get("cname")
        if isinstance(alias, str) and alias:
            self._aliases[host] = alias.lower().rstrip(".")
        addresses = tuple(str(address) for address in entry.get("ips") or ())
        names = [host]
        if host.endswith(f".{CLUSTER_DOMAIN}"):
            short, of = str(entry.get("shortname") or ""), str(entry.get("namespace") or "")
            if short and of:
                names += [f"{short}.{of}", f"{short}.{of}.svc"]
                names += [short] if of == namespace else []
        for name in names:
            self._addresses.setdefault(name, addresses)

    def lookup(self, name: str) -> Sequence[str] | None:
        """Addresses of a name (maybe none of them); None = not ours. `name` is lower-case without a final dot."""
        found = self._addresses.get(name)
        if found is not None:
            return found
        labels = name.split(".")
        for index in range(1, min(len(labels), WILDCARD_LABELS_MAX)):
            found = self._addresses.get("*." + ".".join(labels[index:]))
            if found is not None:
                return found
        return None

    def alias(self, name: str) -> str | None:
        """The canonical name of an ExternalName service."""
        return self._aliases.get(name)

    @staticmethod
    def is_cluster_name(name: str) -> bool:
        return name == CLUSTER_DOMAIN or name.endswith(f".{CLUSTER_DOMAIN}")
