"""metadata.managedFields: who set which field. Recorded on every write that comes over HTTP; pure.

Controllers in this process write statuses and what belongs to no manifest, and are not recorded.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from mesh.kube.field_sets import Path, Paths, from_fields_v1, index, remove, shown, to_fields_v1, with_prefixes
from mesh.kube.objects import Object
from mesh.kube.schema.fields import Message

BEFORE_FIRST_APPLY = "before-first-apply"
MANAGER_LENGTH_MAX = 128
NOBODY: Paths = frozenset()


@dataclass(frozen=True, slots=True)
class Entry:
    """One manager's fields. The same name may update and apply, and does so as two managers."""

    manager: str
    operation: str
    api_version: str
    subresource: str
    time: str
    paths: Paths

    def same(self, other: Entry) -> bool:
        """Appliers are one whatever the version they speak."""
        mine, theirs = (
            (entry.manager, entry.operation, entry.subresource, entry.api_version * (entry.operation == "Update"))
            for entry in (self, other)
        )
        return mine == theirs

    def words(self) -> str:
        text = f'"{self.manager}"'
        if self.subresource:
            text += f' with subresource "{self.subresource}"'
        return f"{text} using {self.api_version}" if self.operation == "Update" else text


def read(obj: Object) -> list[Entry] | None:
    """The entries of an object; None when a client wrote what is none."""
    try:
        return [_entry(written) for written in obj["metadata"].get("managedFields") or []]
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _entry(written: dict[str, Any]) -> Entry:
    names = ("manager", "operation", "apiVersion", "subresource", "time")
    manager, operation, api_version, subresource, time = (str(written.get(name) or "") for name in names)
    if operation not in ("Apply", "Update"):
        raise ValueError(f"not an operation: {operation}")
    return Entry(manager, operation, api_version, subresource, time, from_fields_v1(written["fieldsV1"]))


def write(obj: Object, entries: Iterable[Entry]) -> None:
    written = []
    for entry in sorted(entries, key=lambda e: (e.operation, e.time, e.manager)):
        if not entry.paths:
            continue
        made = {
            "manager": entry.manager,
            "operation": entry.operation,
            "apiVersion": entry.api_version,
            "time": entry.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": to_fields_v1(entry.paths),
        }
        written.append({**made, "subresource": entry.subresource} if entry.subresource else made)
    if written:
        obj["metadata"]["managedFields"] = written
    else:
        obj["metadata"].pop("managedFields", None)


def updated(entries: list[Entry], by: Entry, old: Object | None, new: Object, schema: Message | None) -> list[Entry]:
    """Whoever changes a field by an update owns it alone; `by.paths` is not looked at."""
    before, after = index(old, schema) if old is not None else {}, index(new, schema)
    changed = {path for path, value in after.items() if path not in before or before[path] != value}
    gone = before.keys() - after.keys()
    if not changed and not gone:
        return entries
    others = [replace(entry, paths=entry.paths - changed - gone) for entry in entries if not entry.same(by)]
    mine = next((entry.paths for entry in entries if entry.same(by)), NOBODY)
    own = (mine | changed) - gone
    return others if not own else [*others, _timed(entries, replace(by, paths=own))]


def applied(entries: list[Entry], by: Entry, old: Object | None, new: Object, schema: Message | None) -> list[Entry]:
    """An applier owns exactly what it sent (`by.paths`); others lose what it changed or removed."""
    before, after = index(old, schema) if old is not None else {}, index(new, schema)
    lost = {path for path in by.paths if before.get(path) != after.get(path)} | (before.keys() - after.keys())
    others = [replace(entry, paths=entry.paths - lost) for entry in entries if not entry.same(by)]
    return [*others, _timed(entries, by)]


def _timed(entries: list[Entry], mine: Entry) -> Entry:
    """A manager whose fields are the same keeps its time, so that applying again changes nothing."""
    return next((entry for entry in entries if entry.same(mine) and entry.paths == mine.paths), mine)


def owners(obj: Object, schema: Message | None, *, api_version: str) -> list[Entry]:
    """The entries of a live object; what was there before anybody was recorded is nobody's to take silently."""
    entries = read(obj)
    if entries:
        return entries
    return [Entry(BEFORE_FIRST_APPLY, "Update", api_version, "", "", frozenset(index(obj, schema)))]


def conflicts(
    entries: list[Entry], by: Entry, live: Object, merged: Object, schema: Message | None
) -> list[tuple[Entry, str]]:
    """Fields of others that this apply would change, each with its owner, in order."""
    before, after = index(live, schema), index(merged, schema)
    changed = [path for path in sorted(by.paths) if before.get(path) != after.get(path)]
    return [
        (entry, shown(path))
        for entry in sorted(entries, key=lambda e: e.manager)
        if not entry.same(by)
        for path in changed
        if path in entry.paths
    ]


def prune(entries: list[Entry], by: Entry, merged: Object, schema: Message | None) -> Object:
    """Without what this manager applied before, applies no more, and nobody else owns."""
    previous = next((entry.paths for entry in entries if entry.same(by)), NOBODY)
    kept: set[Path] = with_prefixes(by.paths)
    for entry in entries:
        if not entry.same(by):
            kept |= with_prefixes(entry.paths)
    return remove(merged, schema, previous - kept)
