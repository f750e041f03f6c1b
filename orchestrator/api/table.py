"""Table, the form in which `kubectl get` asks for objects: the server chooses columns and cells."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from mesh.kube.kinds import Kind
from mesh.kube.objects import Object
from orchestrator.api.tables import core, pods, workloads
from orchestrator.api.tables.column import AGE, NAME, Cells, Column
from orchestrator.api.watch import Convert
from orchestrator.store.base import Record

Include = Literal["None", "Metadata", "Object"]

_Layout = tuple[tuple[Column, ...], Cells]
_PLAIN: _Layout = ((NAME, AGE), core.plain)
_WEBHOOKS: _Layout = ((NAME, Column("Webhooks", "integer"), AGE), core.webhooks)
_LAYOUTS: dict[tuple[str, str], _Layout] = {
    ("", "pods"): (pods.COLUMNS, pods.cells),
    ("", "services"): (core.SERVICE_COLUMNS, core.service),
    ("", "endpoints"): ((NAME, Column("Endpoints"), AGE), core.endpoints),
    ("", "configmaps"): ((NAME, Column("Data", "integer"), AGE), core.config_map),
    ("", "secrets"): ((NAME, Column("Type"), Column("Data", "integer"), AGE), core.secret),
    ("", "serviceaccounts"): ((NAME, Column("Secrets", "integer"), AGE), core.service_account),
    ("", "namespaces"): ((NAME, Column("Status"), AGE), core.namespace),
    ("", "nodes"): (core.NODE_COLUMNS, core.node),
    ("", "events"): (core.EVENT_COLUMNS, core.event),
    ("discovery.k8s.io", "endpointslices"): (
        (NAME, Column("AddressType"), Column("Ports"), Column("Endpoints"), AGE), core.endpoint_slice,
    ),
    ("apps", "deployments"): (workloads.DEPLOYMENT_COLUMNS, workloads.deployment),
    ("apps", "replicasets"): (workloads.REPLICA_SET_COLUMNS, workloads.replica_set),
    ("coordination.k8s.io", "leases"): ((NAME, Column("Holder"), AGE), core.lease),
    ("admissionregistration.k8s.io", "mutatingwebhookconfigurations"): _WEBHOOKS,
    ("admissionregistration.k8s.io", "validatingwebhookconfigurations"): _WEBHOOKS,
    ("networking.istio.io", "virtualservices"): (
        (NAME, Column("Gateways"), Column("Hosts"), AGE), core.custom(".spec.gateways", ".spec.hosts"),
    ),
    ("networking.istio.io", "destinationrules"): ((NAME, Column("Host"), AGE), core.custom(".spec.host")),
    ("networking.istio.io", "serviceentries"): (
        (NAME, Column("Hosts"), Column("Location"), Column("Resolution"), AGE),
        core.custom(".spec.hosts", ".spec.location", ".spec.resolution"),
    ),
    ("security.istio.io", "peerauthentications"): ((NAME, Column("Mode"), AGE), core.custom(".spec.mtls.mode")),
}  # fmt: skip


def table(kind: Kind, objects: Iterable[Object], *, include: Include, meta: Object, now: float) -> Object:
    """A Table of `objects`; `meta` is the list's metadata."""
    columns, cells = _LAYOUTS.get((kind.group, kind.plural), _PLAIN)
    rows = []
    for obj in objects:
        row: dict[str, Any] = {"cells": cells(obj, now)}
        if include == "Object":
            row["object"] = obj
        elif include == "Metadata":
            row["object"] = partial(obj)
        rows.append(row)
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": meta,
        "columnDefinitions": [column.to_api() for column in columns],
        "rows": rows,
    }


def partial(obj: Object) -> Object:
    """PartialObjectMetadata of an object."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}


class TableForm:
    """Watch events whose object is a table of one row."""

    def __init__(self, kind: Kind, convert: Convert | None, *, include: Include) -> None:
        self._kind = kind
        self._convert = convert
        self._include: Include = include
        self.key = f"table {kind.api_version} {include}"

    def event(self, event_type: str, record: Record) -> bytes:
        obj = record.object()
        if self._convert is not None:
            obj = self._convert(obj)
        meta = {"resourceVersion": str(record.revision)}
        shown = table(self._kind, [obj], include=self._include, meta=meta, now=time.time())
        return msgspec.json.encode({"type": event_type, "object": shown}) + b"\n"


class MetadataForm:
    """Watch events with metadata only."""

    key = "metadata"

    def event(self, event_type: str, record: Record) -> bytes:
        return msgspec.json.encode({"type": event_type, "object": partial(record.object())}) + b"\n"


def bookmark_table(kind: Kind, revision: int, bookmark: Object) -> Object:
    """A bookmark for a table watch: one row that carries the bookmark's object."""
    columns, _ = _LAYOUTS.get((kind.group, kind.plural), _PLAIN)
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": str(revision)},
        "columnDefinitions": [column.to_api() for column in columns],
        "rows": [{"cells": [None] * len(columns), "object": bookmark}],
    }
