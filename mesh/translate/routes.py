"""One VirtualService's HTTP rules -> Envoy routes, in order, for one proxy and one listener port."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mesh.istio.meta import origin
from mesh.istio.values import duration_s, duration_text, mapping, text
from mesh.istio.virtual_service import Destination, Rule, VirtualService
from mesh.translate import names
from mesh.translate.context import Viewpoint, cluster_for
from mesh.translate.faults import per_filter_config, percent_of
from mesh.translate.hashing import hash_policies
from mesh.translate.header_edits import HeaderEdits, header_edits, joined
from mesh.translate.matches import applies, is_catch_all, path_text, route_match
from mesh.translate.redirects import direct_response, redirect_action
from mesh.translate.resources import Resource, runtime_percent
from mesh.translate.retries import retry_policy, rule_retries

NO_TIMEOUT = "0s"
"""Istio's default: a request takes as long as it takes (Envoy's own default is 15 s)."""


def http_routes(rules: VirtualService, view: Viewpoint, *, port: int, tls: bool = False) -> list[Resource]:
    """Empty when no rule is for this proxy and port. Rules behind a catch-all are never reached and left out."""
    found: list[Resource] = []
    for rule in rules.http:
        for match in rule.matches or (None,):
            chosen = match is None or applies(
                match, port=port, labels=view.labels, namespace=view.namespace, gateways=view.gateways
            )
            if not chosen:
                continue
            route = _route(rule, match, view, rules=rules, port=port, tls=tls)
            found.append(route)
            if is_catch_all(route["match"]):
                return found
    return found


def default_route(view: Viewpoint, host: str, port: int) -> Resource:
    """What a service gets that no VirtualService speaks of: its whole cluster, the mesh's retries, no timeout."""
    cluster = names.outbound(port, host)
    action: Resource = {"cluster": cluster, "timeout": NO_TIMEOUT}
    service = view.service(host)
    hashes = hash_policies(view, service, port, "") if service else []
    if hashes:
        action["hash_policy"] = hashes
    policy = retry_policy(None, view.state.mesh_config.retry, hashed=bool(hashes))
    if policy is not None:
        action["retry_policy"] = policy
    return {
        "name": "default",
        "match": {"prefix": "/"},
        "route": action,
        "decorator": {"operation": f"{host}:{port}/*"},
    }


def _route(
    rule: Rule, match: Mapping[str, Any] | None, view: Viewpoint, *, rules: VirtualService, port: int, tls: bool
) -> Resource:
    edits = header_edits(mapping(rule.spec.get("headers")))
    route: Resource = {"match": route_match(match), "metadata": origin(rule.meta, rule.index)}
    name = ".".join(part for part in (rule.name, text((match or {}).get("name"))) if part)
    if name:
        route["name"] = name
    if match and match.get("statPrefix"):
        route["stat_prefix"] = text(match["statPrefix"])
    single = HeaderEdits()
    if rule.spec.get("redirect") is not None:
        action = redirect_action(mapping(rule.spec["redirect"]), port=port, tls=tls)
        if action is not None:
            route["redirect"] = action
    elif rule.spec.get("directResponse") is not None:
        route["direct_response"] = direct_response(mapping(rule.spec["directResponse"]))
    else:
        if len(rule.destinations) == 1:
            single = header_edits(rule.destinations[0].headers)
        route["route"] = _route_action(rule, view, port=port, authority=edits.authority)
    route.update(joined(edits, single))
    route["decorator"] = {"operation": _operation(route, rules.meta.name, port)}
    per_filter = per_filter_config(rule.spec)
    if per_filter:
        route["typed_per_filter_config"] = per_filter
    return route


def _route_action(rule: Rule, view: Viewpoint, *, port: int, authority: str) -> Resource:
    action: Resource = _clusters(rule, view, port)
    rewrite = mapping(rule.spec.get("rewrite"))
    expression = mapping(rewrite.get("uriRegexRewrite"))
    if expression:
        action["regex_rewrite"] = {
            "pattern": {"regex": text(expression.get("match"))},
            "substitution": text(expression.get("rewrite")),
        }
    elif rewrite.get("uri"):
        action["prefix_rewrite"] = text(rewrite["uri"])
    host = text(rewrite.get("authority")) or authority
    if not host and len(rule.destinations) == 1:
        # Only used where the rule itself has none: Envoy would let the destination's win (Istio keeps them alike).
        host = header_edits(rule.destinations[0].headers).authority
    if host:
        action["host_rewrite_literal"] = host
    action["timeout"] = duration_text(duration_s(rule.spec.get("timeout")) or 0.0)
    policy = retry_policy(rule_retries(rule.spec), view.state.mesh_config.retry, hashed="hash_policy" in action)
    if policy is not None:
        action["retry_policy"] = policy
    mirrors = _mirrors(rule, view, port)
    if mirrors:
        action["request_mirror_policies"] = mirrors
    return action


def _clusters(rule: Rule, view: Viewpoint, port: int) -> Resource:
    """One destination takes everything whatever its weight; several are weighted, those of weight 0 left out."""
    if len(rule.destinations) == 1:
        action: Resource = {"cluster": cluster_for(view, rule.destinations[0].destination, port)}
    else:
        action = {"weighted_clusters": {"clusters": _weighted(rule, view, port)}}
    hashes: list[Resource] = []
    for one in rule.destinations:
        service = view.service(one.destination.host)
        if service is not None:
            number = one.destination.port or (service.ports[0].number if len(service.ports) == 1 else port)
            hashes += [
                policy
                for policy in hash_policies(view, service, number, one.destination.subset)
                if policy not in hashes
            ]
    if hashes:
        action["hash_policy"] = hashes
    return action


def _weighted(rule: Rule, view: Viewpoint, port: int) -> list[Resource]:
    found = []
    for one in rule.destinations:
        if one.weight == 0:
            continue
        edits = header_edits(one.headers)
        entry: Resource = {
            "name": cluster_for(view, one.destination, port),
            "weight": one.weight,
            **edits.fields,
        }
        if edits.authority:
            entry["host_rewrite_literal"] = edits.authority
        found.append(entry)
    return found


def _mirrors(rule: Rule, view: Viewpoint, port: int) -> list[Resource]:
    wanted: list[tuple[Any, Any]] = []
    if rule.spec.get("mirror") is not None:
        share = rule.spec.get("mirrorPercentage")
        if share is None and rule.spec.get("mirrorPercent") is not None:
            share = {"value": rule.spec["mirrorPercent"]}
        wanted.append((rule.spec["mirror"], share))
    wanted += [
        (mapping(one).get("destination"), mapping(one).get("percentage")) for one in rule.spec.get("mirrors") or ()
    ]
    found = []
    for destination, share in wanted:
        # Absent means all of it; an explicit zero means none.
        percent = 100.0 if share is None else percent_of({"percentage": share})
        if percent > 0 and destination is not None:
            found.append(
                {
                    "cluster": cluster_for(view, Destination.read(destination, rule.meta.namespace), port),
                    "runtime_fraction": runtime_percent(percent),
                    "trace_sampled": False,
                    "disable_shadow_host_suffix_append": True,
                }
            )
    return found


def _operation(route: Resource, rules_name: str, port: int) -> str:
    path = path_text(route["match"])
    cluster = names.ClusterName.parse(str(mapping(route.get("route")).get("cluster") or ""))
    if cluster is not None:
        return f"{cluster.host}:{cluster.port}{path}"
    return f"{rules_name}:{port}{path}"
