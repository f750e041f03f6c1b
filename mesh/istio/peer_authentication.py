"""PeerAuthentication: which mTLS mode a workload's port demands of its callers.

Precedence: workload, namespace, mesh (root namespace); nothing said means PERMISSIVE. Two rules on the same level: the
oldest counts. UNSET inherits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mesh.istio.meta import Meta, meta_of
from mesh.istio.values import integer, mapping, text
from mesh.kube.objects import Object


class MtlsMode(StrEnum):
    DISABLE = "DISABLE"
    PERMISSIVE = "PERMISSIVE"
    STRICT = "STRICT"


@dataclass(frozen=True, slots=True)
class PeerAuthentication:
    meta: Meta
    selector: Mapping[str, str]  # empty = the whole namespace
    mode: MtlsMode | None  # None = inherit
    ports: Mapping[int, MtlsMode | None]  # by the workload's own port number


@dataclass(frozen=True, slots=True)
class MtlsPolicy:
    """What one workload demands: `mode` on every port that `ports` does not name."""

    mode: MtlsMode
    ports: Mapping[int, MtlsMode]

    def for_port(self, port: int) -> MtlsMode:
        return self.ports.get(port, self.mode)


def peer_authentication(obj: Object) -> PeerAuthentication:
    spec = mapping(obj.get("spec"))
    return PeerAuthentication(
        meta=meta_of(obj),
        selector=mapping(mapping(spec.get("selector")).get("matchLabels")),
        mode=_mode(spec.get("mtls")),
        ports={integer(port): _mode(value) for port, value in mapping(spec.get("portLevelMtls")).items()},
    )


def _mode(value: Any) -> MtlsMode | None:
    name = text(mapping(value).get("mode"))
    return MtlsMode(name) if name in MtlsMode.__members__ else None


class PeerAuthentications:
    """All rules, answered per workload."""

    def __init__(self, rules: Iterable[PeerAuthentication], *, root_namespace: str) -> None:
        self._namespaced: dict[str, PeerAuthentication] = {}
        self._selecting: dict[str, list[PeerAuthentication]] = {}
        self._root = root_namespace
        for rule in sorted(rules, key=lambda rule: rule.meta.age):
            if rule.selector:
                self._selecting.setdefault(rule.meta.namespace, []).append(rule)
            else:
                self._namespaced.setdefault(rule.meta.namespace, rule)

    @property
    def some_disable(self) -> bool:
        """Some rule switches mTLS off somewhere; without one every port accepts it."""
        rules = [*self._namespaced.values(), *(rule for rules in self._selecting.values() for rule in rules)]
        return any(MtlsMode.DISABLE in (rule.mode, *rule.ports.values()) for rule in rules)

    def policy(self, namespace: str, labels: Mapping[str, str]) -> MtlsPolicy:
        mode = MtlsMode.PERMISSIVE
        for owner in (self._root, namespace):
            rule = self._namespaced.get(owner)
            if rule is not None and rule.mode is not None:
                mode = rule.mode
        matching = [rule for rule in self._selecting.get(namespace, ()) if rule.selector.items() <= labels.items()]
        if not matching:
            return MtlsPolicy(mode, {})
        chosen = matching[0]
        if chosen.mode is not None:
            mode = chosen.mode
        return MtlsPolicy(mode, {port: value or mode for port, value in chosen.ports.items()})
