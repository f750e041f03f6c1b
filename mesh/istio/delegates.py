"""Delegation: a VirtualService hands the routes below one match to another one.

One level only. A delegate's match must lie inside the root's, else that combination is dropped, as Istio does. The
delegate's fields win as a whole; names are joined by `-`; maps of conditions are united.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from mesh.istio.exports import visible
from mesh.istio.values import StringMatch, mapping, text
from mesh.istio.virtual_service import Rule, VirtualService

INHERITED = (
    "rewrite", "directResponse", "timeout", "retries", "fault", "mirror", "mirrors", "mirrorPercentage", "corsPolicy",
    "headers",
)  # fmt: skip
STRING_FIELDS = ("uri", "scheme", "method", "authority")
MAP_FIELDS = ("headers", "withoutHeaders", "queryParams", "sourceLabels")
SINGLE_FIELDS = ("port", "sourceNamespace", "gateways", "statPrefix")

Match = Mapping[str, Any]


def merge_delegates(services: Iterable[VirtualService]) -> Iterator[VirtualService]:
    """The VirtualServices that have hosts, with every delegate's rules in the place of the rule that names it."""
    every = list(services)
    delegates = {(one.meta.namespace, one.meta.name): one for one in every if not one.hosts}
    for one in every:
        if one.hosts:
            yield replace(one, http=tuple(rule for root in one.http for rule in _expand(root, one, delegates)))


def _expand(root: Rule, owner: VirtualService, delegates: Mapping[tuple[str, str], VirtualService]) -> Iterator[Rule]:
    reference = mapping(root.spec.get("delegate"))
    if not reference:
        yield root
        return
    namespace = text(reference.get("namespace")) or owner.meta.namespace
    delegate = delegates.get((namespace, text(reference.get("name"))))
    if delegate is None or not visible(delegate.export_to, owner=namespace, namespace=owner.meta.namespace):
        return
    for child in delegate.http:
        merged = _merge_rule(root, child)
        if merged is not None and not child.spec.get("delegate"):
            yield merged


def _merge_rule(root: Rule, child: Rule) -> Rule | None:
    matches = merge_matches(root.matches, child.matches)
    if matches is None:
        return None
    spec = dict(child.spec)
    for key in INHERITED:
        if key not in spec and key in root.spec:
            spec[key] = root.spec[key]
    name = "-".join(part for part in (root.name, child.name) if part)
    return replace(child, name=name, matches=matches, spec=spec)


def merge_matches(roots: tuple[Match, ...], children: tuple[Match, ...]) -> tuple[Match, ...] | None:
    """Every pair of a root's and a child's alternative; None when none of them can ever match."""
    if not roots or not children:
        return roots or children
    merged = [one for root in roots for child in children if (one := _merge_match(root, child)) is not None]
    return tuple(merged) or None


def _merge_match(root: Match, child: Match) -> Match | None:
    if bool(root.get("ignoreUriCase")) != bool(child.get("ignoreUriCase")):
        return None
    merged: dict[str, Any] = {**root, **child}
    merged["name"] = "-".join(part for part in (text(root.get("name")), text(child.get("name"))) if part)
    for key in STRING_FIELDS:
        if root.get(key) and child.get(key) and not _inside(root[key], child[key]):
            return None
    for key in MAP_FIELDS:
        ours, theirs = mapping(root.get(key)), mapping(child.get(key))
        if any(not _same_or_inside(key, ours[name], theirs[name]) for name in ours.keys() & theirs.keys()):
            return None
        merged[key] = {**ours, **theirs}
    if any(root.get(key) and child.get(key) and root[key] != child[key] for key in SINGLE_FIELDS):
        return None
    return merged


def _same_or_inside(key: str, root: Any, child: Any) -> bool:
    return bool(root == child) if key == "sourceLabels" else _inside(root, child)


def _inside(root: Any, child: Any) -> bool:
    """A regular expression on either side cannot be compared, so it allows no second condition."""
    outer, inner = StringMatch.read(root), StringMatch.read(child)
    if outer.kind == "":
        return True
    if "regex" in (outer.kind, inner.kind):
        return False
    if outer.kind == "exact":
        return inner == outer
    return inner.value.startswith(outer.value) and inner.kind in ("exact", "prefix")
