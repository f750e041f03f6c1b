"""Sets of fields, as server-side apply counts them (KEP-555, structured-merge-diff). Pure.

A path is a tuple of elements in FieldsV1's own spelling: `f:NAME` a field, `k:{"name":"c"}` an item of a list that has
keys, `v:"x"` a member of a set. What merges and what is replaced whole is decided by `field_merge`; a value without a
schema is merged by its maps, and its lists are atomic.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import msgspec

from mesh.kube.field_merge import ATOMIC, Merge, merge_of, root
from mesh.kube.objects import Object
from mesh.kube.schema.fields import Message

Path = tuple[str, ...]
Paths = frozenset[Path]
DEPTH_MAX = 100
_ITEM = object()
"""Stands for the existence of a list's item, which has no value of its own."""
_SERVER_TOP = frozenset(("apiVersion", "kind"))
_SERVER_META = frozenset(
    (
        "name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds",
        "generation", "resourceVersion", "selfLink", "managedFields",
    )
)  # fmt: skip
_Child = tuple[str, Any, Merge]


def index(obj: Object, schema: Message | None) -> dict[Path, Any]:
    """Every field that can be owned, with its value; what only the server sets is left out."""
    shown = {name: value for name, value in obj.items() if name not in _SERVER_TOP}
    meta = shown.get("metadata")
    if isinstance(meta, dict):
        shown["metadata"] = {name: value for name, value in meta.items() if name not in _SERVER_META}
        if not shown["metadata"]:
            del shown["metadata"]
    found: dict[Path, Any] = {}
    for element, value, how in _children(shown, root(schema)):
        _collect(value, how, (element,), found)
    return found


def _collect(value: Any, how: Merge, path: Path, found: dict[Path, Any]) -> None:
    children = _children(value, how)
    if not children:
        found[path] = value
        return
    for element, child, inner in children:
        inside = (*path, element)
        if element[0] in "kv":
            found[inside] = _ITEM
        if element[0] != "v":
            _collect(child, inner, inside, found)


def _children(value: Any, how: Merge) -> list[_Child]:
    """The parts of a value that are owned apart; none for an atomic or an empty one."""
    if isinstance(value, dict) and how.kind == "fields":
        return [(f"f:{name}", inner, merge_of(how, name, inner)) for name, inner in value.items()]
    if isinstance(value, list) and how.kind == "set":
        return [(_member(item), item, ATOMIC) for item in value]
    if isinstance(value, list) and how.kind == "keyed":
        return [(_item(item, how), item, Merge("fields", how.message)) for item in value]
    return []


def _item(item: Any, how: Merge) -> str:
    values = item if isinstance(item, dict) else {}
    keys = {name: values.get(name, default) for name, default in how.keys}
    return "k:" + msgspec.json.encode({name: keys[name] for name in sorted(keys) if keys[name] is not None}).decode()


def _member(item: Any) -> str:
    return "v:" + msgspec.json.encode(item).decode()


def merge(live: Object, applied: Object, schema: Message | None) -> Object:
    """`live` with all that `applied` says; nothing is removed."""
    merged: Object = _merge(live, applied, root(schema))
    return merged


def _merge(live: Any, applied: Any, how: Merge) -> Any:
    if isinstance(live, dict) and isinstance(applied, dict) and how.kind == "fields":
        result = dict(live)
        for name, value in applied.items():
            result[name] = _merge(live.get(name), value, merge_of(how, name, value))
        return result
    if isinstance(live, list) and isinstance(applied, list) and how.kind == "set":
        return [*live, *(item for item in applied if item not in live)]
    if isinstance(live, list) and isinstance(applied, list) and how.kind == "keyed":
        items = {element: item for element, item, _ in _children(live, how)}
        for element, item, inner in _children(applied, how):
            items[element] = _merge(items.get(element), item, inner)
        return list(items.values())
    return copy.deepcopy(applied)


def remove(obj: Object, schema: Message | None, paths: Iterable[Path]) -> Object:
    """`obj` without these fields and items; what is left empty by that goes too."""
    pruned: Object = _remove(obj, root(schema), _tree(paths))
    return pruned


def _remove(value: Any, how: Merge, gone: dict[str, Any]) -> Any:
    children = _children(value, how)
    if not children:
        return value
    kept: list[_Child] = []
    for element, child, inner in children:
        below = gone.get(element)
        if below is None:
            kept.append((element, child, inner))
        elif below and "." not in below:
            rest = _remove(child, inner, below)
            if rest or not child:
                kept.append((element, rest, inner))
    if isinstance(value, dict):
        return {element[2:]: child for element, child, _ in kept}
    return [child for _, child, _ in kept]


def with_prefixes(paths: Iterable[Path]) -> set[Path]:
    return {path[:length] for path in paths for length in range(1, len(path) + 1)}


def _tree(paths: Iterable[Path]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path in paths:
        level = tree
        for element in path:
            level = level.setdefault(element, {})
        level["."] = {}
    return tree


def to_fields_v1(paths: Iterable[Path]) -> dict[str, Any]:
    """As `managedFields` writes it: a field that has owned parts and is owned itself says so by `.`."""

    def plain(level: dict[str, Any]) -> dict[str, Any]:
        if level.keys() == {"."}:
            return {}
        return {element: plain(level[element]) if element != "." else {} for element in sorted(level)}

    return plain(_tree(paths))


def from_fields_v1(fields: Any) -> Paths:
    """Raises `ValueError` for what is no FieldsV1."""
    found: set[Path] = set()

    def read(level: Any, path: Path) -> None:
        if not isinstance(level, dict) or len(path) > DEPTH_MAX:
            raise ValueError("not FieldsV1")
        if not level and path:
            found.add(path)
        for element, below in level.items():
            if element == ".":
                found.add(path)
            elif element[:2] in ("f:", "k:", "v:"):
                if element[0] == "k":
                    msgspec.json.decode(element[2:].encode(), type=dict[str, Any])  # a ValueError when it is none
                read(below, (*path, element))
            else:
                raise ValueError(f"not an element of a path: {element}")

    read(fields, ())
    return frozenset(found)


def shown(path: Path) -> str:
    """`.spec.containers[name="web"].image`, as conflicts name a field."""
    text = ""
    for element in path:
        if element.startswith("f:"):
            text += f".{element[2:]}"
        elif element.startswith("k:"):
            keys = msgspec.json.decode(element[2:].encode(), type=dict[str, Any])
            words = (f"{name}={msgspec.json.encode(value).decode()}" for name, value in keys.items())
            text += f"[{','.join(words)}]"
        else:
            text += f"[={element[2:]}]"
    return text
