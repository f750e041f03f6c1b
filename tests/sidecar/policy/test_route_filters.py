"""A route's word on a filter: compiled by its type; an RBACPerRoute without rules turns the filter off."""

from __future__ import annotations

import pytest

from sidecar.config.buffer import Buffer, BufferPerRoute
from sidecar.config.decode import decode
from sidecar.config.header_mutation import HeaderMutationPerRoute
from sidecar.config.http_filters import CorsPolicy
from sidecar.config.local_rate_limit import LocalRateLimit
from sidecar.config.rbac import RbacPerRoute
from sidecar.config.refusal import Refused
from sidecar.policy.header_mutation import RouteMutations
from sidecar.policy.local_rate_limit import RateLimit
from sidecar.policy.route_filters import AccessFilter, BufferLimit, route_filter


def test_by_type() -> None:
    off = route_filter(RbacPerRoute())
    assert isinstance(off, AccessFilter)
    assert (off.rules, off.shadow) == (None, None)
    rules = {"rules": {"policies": {}}, "shadow_rules": {"policies": {}}}
    both = route_filter(decode(RbacPerRoute, {"rbac": rules}))
    assert isinstance(both, AccessFilter)
    assert both.rules is not None
    assert both.shadow is not None
    assert isinstance(route_filter(LocalRateLimit(stat_prefix="s")), RateLimit)
    assert route_filter(CorsPolicy()) is None


def test_a_refusal_names_the_rules() -> None:
    bad = {"permissions": [{"destination_ip": {"address_prefix": "x"}}], "principals": [{"any": True}]}
    with pytest.raises(Refused) as refused:
        route_filter(decode(RbacPerRoute, {"rbac": {"shadow_rules": {"policies": {"p": bad}}}}))
    assert refused.value.refusal.path == "rbac.shadow_rules.policies[p].permissions[0].destination_ip"


def test_the_most_specific_level_holds_but_mutations_add_up() -> None:
    inner = route_filter(BufferPerRoute(buffer=Buffer(max_request_bytes=5)))
    assert route_filter(BufferPerRoute(disabled=True), inner) is inner == BufferLimit(5)
    assert route_filter(BufferPerRoute(disabled=True)) == BufferLimit(0)
    first = route_filter(HeaderMutationPerRoute())
    both = route_filter(HeaderMutationPerRoute(), first)
    assert isinstance(first, RouteMutations) and isinstance(both, RouteMutations)
    assert (len(both.levels), both.levels[0]) == (2, first.levels[0])
