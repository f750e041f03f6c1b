"""A Route of the configuration -> a route that decides: everything that needs no request is done here, once."""

from __future__ import annotations

import random
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

from sidecar.balancing.subsets import Criteria, criteria
from sidecar.config.http_filters import CorsPolicy, FilterConfig, HTTPFault
from sidecar.config.refusal import Refused
from sidecar.config.route import Route, RouteConfiguration, VirtualHost
from sidecar.config.route_action import ClusterWeight, RedirectAction, RequestMirrorPolicy, RouteAction
from sidecar.config.route_match import RouteMatch
from sidecar.policy.cors import Cors
from sidecar.policy.fault import Fault
from sidecar.policy.route_filters import NO_FILTERS, NO_SWITCHES, RouteFilter, route_filter
from sidecar.protocol.message import GENERATED
from sidecar.routing.choice import Choice, Draws, FromHeader, Single, Weighted
from sidecar.routing.conditions import Condition, compile_conditions
from sidecar.routing.decision import CompiledRoute, Edits, Mirror, RouteDecision
from sidecar.routing.hashing import Hashing
from sidecar.routing.header_edits import HeaderEdits, compile_edits
from sidecar.routing.redirect import DirectResponse, Redirect
from sidecar.routing.rewrite import host_rewrite, path_rewrite
from sidecar.routing.timeouts import budget_of, limited_to

CLUSTER_NOT_FOUND = {"SERVICE_UNAVAILABLE": 503, "NOT_FOUND": 404, "INTERNAL_SERVER_ERROR": 500}
Level = RouteConfiguration | VirtualHost | Route | ClusterWeight


@contextmanager
def at(path: str) -> Iterator[None]:
    """Prepends `path` to a refusal from within."""
    try:
        yield
    except Refused as refused:
        raise refused.at(path) from None


class Entry:
    """One route as the table holds it: its conditions beside the path, and the choice once they hold."""

    __slots__ = ("choice", "conditions", "mirrored", "route", "varies")

    def __init__(self, route: CompiledRoute, conditions: tuple[Condition, ...], choice: Choice) -> None:
        self.route = route
        self.conditions = conditions
        self.choice = choice
        self.mirrored = any(mirror.fraction < 1.0 for mirror in route.mirrors)
        """Whether a draw decides about a mirror."""
        self.varies = _varies(route.config) or bool(route.retry_limits)
        """Whether requests of the same bytes may fare differently: a draw, or a field that we make for each."""


def _varies(config: Route) -> bool:
    match, action = config.match, config.route
    if match.runtime_fraction is not None:
        return True
    names = {matcher.name.lower().encode() for matcher in match.headers}
    if action is not None:
        names.update((action.host_rewrite_header.lower().encode(), action.cluster_header.lower().encode()))
        names.update(one.header.header_name.lower().encode() for one in action.hash_policy if one.header is not None)
    return not GENERATED.isdisjoint(names)


class LevelEdits(msgspec.Struct, frozen=True):
    request: HeaderEdits
    response: HeaderEdits


def level_edits(level: Level) -> LevelEdits:
    """Raises `Refused` with a path below the level."""
    return LevelEdits(
        compile_edits(level.request_headers_to_add, level.request_headers_to_remove, "request_headers"),
        compile_edits(level.response_headers_to_add, level.response_headers_to_remove, "response_headers"),
    )


class HostCompiler:
    """Compiles the routes of one virtual host: what they inherit is compiled once."""

    def __init__(
        self,
        config: RouteConfiguration,
        host: VirtualHost,
        *,
        global_edits: LevelEdits,
        draws: Draws,
        rng: random.Random,
    ) -> None:
        self._config = config
        self._host = host
        self._outer_edits = [level_edits(host), global_edits]
        self._draws = draws
        self._rng = rng

    def compile(self, route: Route, position: int) -> Entry:
        """Raises `Refused` with a path below the route."""
        compiled = CompiledRoute(route, virtual_host=self._host.name, position=position)
        compiled.attempt_count_in_request = self._host.include_request_attempt_count
        compiled.attempt_count_in_response = self._host.include_attempt_count_in_response
        with at("match"):
            conditions = compile_conditions(route.match, self._rng)
        levels = [level_edits(route), *self._outer_edits]
        if route.route is not None:
            with at("route"):
                self._forward(compiled, route, route.route)
                choice = self._choice(compiled, route.route, levels)
            return Entry(compiled, conditions, choice)
        if route.redirect is not None:
            with at("redirect"):
                compiled.redirect = Redirect(route.match, route.redirect)
        elif route.direct_response is not None:
            with at("direct_response"):
                bound = self._config.max_direct_response_body_size_bytes
                compiled.direct_response = DirectResponse(route.direct_response, body_bytes_max=bound)
        return Entry(compiled, conditions, Single(self._decision(compiled, "", levels)))

    def https_only(self) -> RouteDecision:
        """What require_tls makes of a plaintext request, whatever its path."""
        route = Route(match=RouteMatch(prefix="/"), redirect=RedirectAction(https_redirect=True))
        compiled = CompiledRoute(route, virtual_host=self._host.name, position=-1)
        compiled.redirect = Redirect(route.match, RedirectAction(https_redirect=True))
        return self._decision(compiled, "", self._outer_edits)

    def _forward(self, compiled: CompiledRoute, route: Route, action: RouteAction) -> None:
        host = self._host
        with at("retry_policy"):
            policy = action.retry_policy or host.retry_policy
            compiled.budget = budget_of(action, policy)
            compiled.retry_limits = limited_to(policy)
        compiled.path_rewrite = path_rewrite(route.match, action)
        compiled.host_rewrite = host_rewrite(action)
        compiled.auto_host_rewrite = action.auto_host_rewrite
        compiled.append_forwarded_host = action.append_x_forwarded_host
        compiled.cluster_not_found_status = CLUSTER_NOT_FOUND[action.cluster_not_found_response_code]
        compiled.hashing = Hashing(action.hash_policy)
        compiled.high = action.priority == "HIGH"
        compiled.upgrades = {one.upgrade_type.lower(): one.enabled for one in action.upgrade_configs}
        policies = (
            action.request_mirror_policies or host.request_mirror_policies or self._config.request_mirror_policies
        )
        with at("request_mirror_policies"):
            compiled.mirrors = tuple(_mirror(policy, index) for index, policy in enumerate(policies))

    def _choice(self, compiled: CompiledRoute, action: RouteAction, levels: Sequence[LevelEdits]) -> Choice:
        if action.cluster_header:
            return FromHeader(action.cluster_header, lambda cluster: self._decision(compiled, cluster, levels))
        if action.weighted_clusters is None:
            return Single(self._decision(compiled, action.cluster, levels))
        weights = action.weighted_clusters.clusters
        decisions = []
        for index, one in enumerate(weights):
            with at(f"weighted_clusters.clusters[{index}]"):
                inner = [level_edits(one), *levels]
                decisions.append(self._decision(compiled, one.name, inner, weight=one))
        names = [one.name for one in weights]
        draw = self._draws.take(self._identity(compiled), names, [one.weight for one in weights])
        return Weighted(decisions, draw)

    def _identity(self, compiled: CompiledRoute) -> Hashable:
        """What a route stays the same by across pushes: its name, its origin, at last its match."""
        origin = (compiled.metadata or {}).get("istio", {})
        named = compiled.name, str(origin.get("config", "")), str(origin.get("rule", ""))
        own: Hashable = named if any(named) else msgspec.json.encode(compiled.config.match)
        return self._config.name, self._host.name, own

    def _decision(
        self,
        compiled: CompiledRoute,
        cluster: str,
        levels: Sequence[LevelEdits],
        *,
        weight: ClusterWeight | None = None,
    ) -> RouteDecision:
        fault, cors, per_filter, switches = self._filters(compiled.config, weight)
        return RouteDecision(
            compiled,
            cluster,
            _edits(levels, outermost_wins=not self._config.most_specific_header_mutations_wins),
            budget=compiled.budget,
            mirrors=tuple(mirror for mirror in compiled.mirrors if mirror.fraction >= 1.0),
            fault=fault,
            cors=cors,
            per_filter=per_filter,
            switches=switches,
            weight_host=weight.host_rewrite_literal.encode() if weight is not None else b"",
            subset=_subset(compiled.config, weight),
        )

    def _filters(
        self, route: Route, weight: ClusterWeight | None
    ) -> tuple[Fault | None, Cors | None, Mapping[str, RouteFilter], Mapping[str, bool]]:
        """The most specific level that says anything of a filter says all of it."""
        per_filter: dict[str, RouteFilter] = {}
        switches: dict[str, bool] = {}
        fault: Fault | None = None
        cors: Cors | None = None
        levels: list[Level] = [level for level in (weight, route, self._host, self._config) if level is not None]
        for level in levels:
            for name, config in level.typed_per_filter_config.items():
                with at(f"typed_per_filter_config[{name}]"):
                    switches.setdefault(name, not (isinstance(config, FilterConfig) and config.disabled))
                    inner = config.config if isinstance(config, FilterConfig) else config
                    if isinstance(inner, HTTPFault):
                        fault = fault or Fault(inner)
                    elif isinstance(inner, CorsPolicy):
                        cors = cors or Cors(inner)
                    elif inner is not None and (made := route_filter(inner, per_filter.get(name))) is not None:
                        per_filter[name] = made
        if cors is None:
            older = (route.route.cors if route.route is not None else None) or self._host.cors
            cors = Cors(older) if older is not None else None
        return fault, cors, per_filter or NO_FILTERS, switches or NO_SWITCHES


def _mirror(policy: RequestMirrorPolicy, index: int) -> Mirror:
    if policy.cluster_header:
        raise Refused("unsupported", f"[{index}].cluster_header")
    return Mirror(
        policy.cluster,
        policy.runtime_fraction.fraction if policy.runtime_fraction is not None else 1.0,
        not policy.disable_shadow_host_suffix_append,
        policy.trace_sampled,
    )


def _subset(route: Route, weight: ClusterWeight | None) -> Criteria:
    """metadata_match of the route; what the weighted cluster says of a key replaces it."""
    wanted: dict[str, Any] = {}
    for level in (route.route, weight):
        if level is not None and level.metadata_match is not None:
            wanted.update(level.metadata_match.of("envoy.lb"))
    return criteria(wanted)


def _edits(levels: Sequence[LevelEdits], *, outermost_wins: bool) -> Edits:
    """`levels` from the most specific one out. Who comes last wins: by default the outermost (Envoy)."""
    ordered = levels if outermost_wins else levels[::-1]
    return Edits(
        tuple(level.request for level in ordered if level.request),
        tuple(level.response for level in ordered if level.response),
    )
