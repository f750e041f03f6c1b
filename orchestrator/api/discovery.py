"""Discovery: which groups, versions and resources there are, in the aggregated and in the legacy form."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from mesh.kube.kinds import Kind, KindRegistry

_GROUP_ORDER = ("", "apps", "batch", "autoscaling", "networking.k8s.io", "policy", "discovery.k8s.io")
_SCALE = {"group": "autoscaling", "version": "v1", "kind": "Scale"}
_SUBRESOURCES: dict[str, tuple[dict[str, str] | None, tuple[str, ...]]] = {
    # name -> (the kind it speaks, None for the resource's own; verbs)
    "status": (None, ("get", "patch", "update")),
    "scale": (_SCALE, ("get", "patch", "update")),
    "log": (None, ("get",)),
    "binding": ({"group": "", "version": "v1", "kind": "Binding"}, ("create",)),
    "token": ({"group": "authentication.k8s.io", "version": "v1", "kind": "TokenRequest"}, ("create",)),
    "finalize": (None, ("update",)),
    "exec": ({"group": "", "version": "v1", "kind": "PodExecOptions"}, ("create", "get")),
    "portforward": ({"group": "", "version": "v1", "kind": "PodPortForwardOptions"}, ("create", "get")),
    "attach": ({"group": "", "version": "v1", "kind": "PodAttachOptions"}, ("create", "get")),
    "eviction": ({"group": "policy", "version": "v1", "kind": "Eviction"}, ("create",)),
    "ephemeralcontainers": (None, ("get", "patch", "update")),
}


def version_order(version: str) -> tuple[int, int, int]:
    """Sorts v2 > v1 > v1beta2 > v1beta1 > v1alpha1 first to last."""
    rest = version.removeprefix("v")
    for rank, stage in enumerate(("beta", "alpha"), start=1):
        major, found, minor = rest.partition(stage)
        if found:
            return rank, -_number(major), -_number(minor)
    return 0, -_number(rest), 0


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0


class Discovery:
    """Documents of one registry, made once and made again after `refresh`."""

    def __init__(self, registry: KindRegistry) -> None:
        self._registry = registry
        self._documents: dict[str, bytes] = {}

    def refresh(self) -> None:
        self._documents.clear()

    def _groups(self) -> dict[str, dict[str, list[Kind]]]:
        groups: dict[str, dict[str, list[Kind]]] = {}
        for kind in self._registry:
            groups.setdefault(kind.group, {}).setdefault(kind.version, []).append(kind)
        ranks = {group: rank for rank, group in enumerate(_GROUP_ORDER)}
        names = sorted(groups, key=lambda group: (ranks.get(group, len(ranks)), group))
        return {name: {v: groups[name][v] for v in sorted(groups[name], key=version_order)} for name in names}

    def document(self, path: str, aggregated: str) -> tuple[bytes, str] | None:
        """(body, ETag) of `/api`, `/apis`, `/api/v1`, `/apis/G`, `/apis/G/V`; None for an unknown group."""
        key = f"{path} {aggregated}"
        if key not in self._documents:
            made = self._make(path, aggregated)
            if made is None:
                return None
            self._documents[key] = msgspec.json.encode(made) + b"\n"
        body = self._documents[key]
        return body, f'"{hashlib.sha256(body).hexdigest()[:32].upper()}"'

    def _make(self, path: str, aggregated: str) -> dict[str, Any] | None:
        groups = self._groups()
        core = {"": groups.pop("", {})}
        parts = path.strip("/").split("/")
        if parts == ["api"]:
            return _aggregated(core, aggregated) if aggregated else _versions(core[""])
        if parts == ["apis"]:
            if aggregated:
                return _aggregated(groups, aggregated)
            listed = [_group(name, versions) for name, versions in groups.items()]
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": listed}
        if parts[0] == "api" and len(parts) == 2:
            return _resources("", parts[1], core[""].get(parts[1]))
        if parts[0] == "apis" and parts[1] in groups:
            if len(parts) == 2:
                return {"kind": "APIGroup", "apiVersion": "v1", **_group(parts[1], groups[parts[1]])}
            return _resources(parts[1], parts[2], groups[parts[1]].get(parts[2]))
        return None


def _versions(core: dict[str, list[Kind]]) -> dict[str, Any]:
    return {"kind": "APIVersions", "versions": list(core), "serverAddressByClientCIDRs": []}


def _group(name: str, versions: dict[str, list[Kind]]) -> dict[str, Any]:
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def _resources(group: str, version: str, kinds: list[Kind] | None) -> dict[str, Any] | None:
    if kinds is None:
        return None
    resources: list[dict[str, Any]] = []
    for kind in kinds:
        entry: dict[str, Any] = {
            "name": kind.plural,
            "singularName": kind.singular_name,
            "namespaced": kind.namespaced,
            "kind": kind.kind,
            "verbs": list(kind.verbs),
        }
        if kind.short_names:
            entry["shortNames"] = list(kind.short_names)
        if kind.categories:
            entry["categories"] = list(kind.categories)
        resources.append(entry)
        for name, response, verbs in subresources(kind):
            sub: dict[str, Any] = {
                "name": f"{kind.plural}/{name}",
                "singularName": "",
                "namespaced": kind.namespaced,
                "kind": response["kind"],
                "verbs": list(verbs),
            }
            if (response["group"], response["version"]) != (kind.group, kind.version):
                sub["group"], sub["version"] = response["group"], response["version"]
            resources.append(sub)
    group_version = f"{group}/{version}" if group else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources}


def subresources(kind: Kind) -> list[tuple[str, dict[str, str], tuple[str, ...]]]:
    own = {"group": kind.group, "version": kind.version, "kind": kind.kind}
    listed = []
    for name in kind.subresources:
        response, verbs = _SUBRESOURCES.get(name, (None, ("get",)))
        listed.append((name, response or own, verbs))
    return listed


def _aggregated(groups: dict[str, dict[str, list[Kind]]], version: str) -> dict[str, Any]:
    items = []
    for name, versions in groups.items():
        metadata: dict[str, Any] = {"name": name, "creationTimestamp": None} if name else {"creationTimestamp": None}
        listed = [
            {"version": number, "resources": [_aggregated_resource(kind) for kind in kinds], "freshness": "Current"}
            for number, kinds in versions.items()
        ]
        items.append({"metadata": metadata, "versions": listed})
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": f"apidiscovery.k8s.io/{version}",
        "metadata": {},
        "items": items,
    }


def _aggregated_resource(kind: Kind) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "resource": kind.plural,
        "responseKind": {"group": kind.group, "version": kind.version, "kind": kind.kind},
        "scope": "Namespaced" if kind.namespaced else "Cluster",
        "singularResource": kind.singular_name,
        "verbs": list(kind.verbs),
    }
    if kind.short_names:
        entry["shortNames"] = list(kind.short_names)
    if kind.categories:
        entry["categories"] = list(kind.categories)
    if found := subresources(kind):
        entry["subresources"] = [
            {"subresource": name, "responseKind": response, "verbs": list(verbs)} for name, response, verbs in found
        ]
    return entry
