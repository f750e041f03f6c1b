"""Server-side apply: a manager says what it wants, and owns what it said (KEP-555)."""

from __future__ import annotations

from typing import Any

import msgspec

from mesh.kube import field_sets
from mesh.kube.errors import ApiError
from mesh.kube.objects import Object
from mesh.kube.schema.fields import message_of
from orchestrator.api import managed_fields
from orchestrator.api.call import Call
from orchestrator.api.decode import conform, identify
from orchestrator.api.errors import Cause, bad_request, failure, invalid_options, required
from orchestrator.api.managed_fields import Entry
from orchestrator.api.metadata import timestamp
from orchestrator.api.strategies import strategy_of

KUBECTL = "kubectl"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def prepare(call: Call, body: object) -> Object:
    """The body of an apply, checked; `call.applied` becomes the fields it owns from now on."""
    if not isinstance(body, dict):
        raise bad_request("the body of an apply patch is an object")
    if not call.field_manager:
        raise invalid_options("PatchOptions", [required("fieldManager", "is required for apply patch")])
    if (body.get("metadata") or {}).get("managedFields"):
        raise bad_request("metadata.managedFields must be nil")
    identify(call, body)
    conform(call, body)
    if call.subresource == "status":
        for name in body.keys() - {"apiVersion", "kind", "metadata", "status"}:
            del body[name]
    elif strategy_of(call.kind).status:
        body.pop("status", None)
    call.applied = frozenset(field_sets.index(body, message_of(call.kind.api_version, call.kind.kind)))
    return body


def entry_of(call: Call) -> Entry:
    operation = "Update" if call.applied is None else "Apply"
    paths = call.applied or managed_fields.NOBODY
    return Entry(call.field_manager, operation, call.kind.api_version, call.subresource, timestamp(), paths)


def merge(call: Call, body: Object, live: Object) -> Object:
    """`live` as this apply wants it; a conflict unless forced."""
    schema = message_of(call.kind.api_version, call.kind.kind)
    by = entry_of(call)
    entries = managed_fields.owners(live, schema, api_version=call.kind.api_version)
    merged = field_sets.merge(live, body, schema)
    if not call.force and (found := managed_fields.conflicts(entries, by, live, merged, schema)):
        mine = _client_side_applied(call, live)
        if others := [(entry, path) for entry, path in found if path not in mine]:
            raise _refusal(others)
    pruned = managed_fields.prune(entries, by, merged, schema)
    for name in ("apiVersion", "kind"):
        pruned[name] = live[name]
    # What only the server sets is in no set of fields, and is not lost by removing some.
    pruned["metadata"] = {**pruned.get("metadata", {}), **_server_set(live)}
    managed_fields.write(pruned, entries)
    if version := (body.get("metadata") or {}).get("resourceVersion"):
        pruned["metadata"]["resourceVersion"] = version
    return pruned


def _client_side_applied(call: Call, live: Object) -> frozenset[str]:
    """Fields that kubectl itself applied before it did so on the server's side: no conflict with itself."""
    written = (live["metadata"].get("annotations") or {}).get(LAST_APPLIED)
    if call.field_manager != KUBECTL or not isinstance(written, str):
        return frozenset()
    try:
        last = msgspec.json.decode(written.encode(), type=dict[str, Any])
    except msgspec.DecodeError:
        return frozenset()
    schema = message_of(call.kind.api_version, call.kind.kind)
    return frozenset(field_sets.shown(path) for path in field_sets.index(last, schema))


def _server_set(live: Object) -> Object:
    names = ("name", "namespace", "uid", "creationTimestamp", "resourceVersion", "generation", "deletionTimestamp")
    return {name: live["metadata"][name] for name in names if name in live["metadata"]}


def record(call: Call, new: Object, old: Object | None) -> None:
    """Write down who set what in `new`, which is complete but for that."""
    if not call.field_manager:
        if not new["metadata"].get("managedFields"):
            new["metadata"].pop("managedFields", None)
        return
    schema = message_of(call.kind.api_version, call.kind.kind)
    entries = managed_fields.read(new)
    if entries is None:
        entries = (managed_fields.read(old) if old is not None else None) or []
    change = managed_fields.updated if call.applied is None else managed_fields.applied
    managed_fields.write(new, change(entries, entry_of(call), old, new, schema))


def _refusal(found: list[tuple[Entry, str]]) -> ApiError:
    if len(found) == 1:
        entry, path = found[0]
        text = f"conflict with {entry.words()}: {path}"
    else:
        lines: list[str] = []
        for entry in dict.fromkeys(entry for entry, _ in found):
            lines.append(f"conflicts with {entry.words()}:")
            lines += [f"- {path}" for owner, path in found if owner is entry]
        text = "\n".join(lines)
    plural = "" if len(found) == 1 else "s"
    causes = [Cause("FieldManagerConflict", path, f"conflict with {entry.words()}") for entry, path in found]
    return failure(409, f"Apply failed with {len(found)} conflict{plural}: {text}", causes=causes)
