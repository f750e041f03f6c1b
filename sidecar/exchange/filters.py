"""The HTTP filters of a connection manager on a request's way, in the configured order.

A step answers the request itself or lets it go on. What the most specific level of the route says of a filter, by the
filter's name, is used in place of the filter's own configuration. `pass_again` is asked instead when the same head came
before and passed: only what counts or limits each request is left to do then (`sidecar/exchange/prepared.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from sidecar.config.http_filters import Cors as CorsConfig
from sidecar.config.http_filters import HTTPFault, HttpFilter
from sidecar.config.local_rate_limit import LocalRateLimit
from sidecar.config.rbac import Rbac
from sidecar.exchange.local_reply import Reply
from sidecar.net.accepted import Accepted
from sidecar.policy.fault import Fault
from sidecar.policy.local_rate_limit import RateLimit
from sidecar.policy.rbac import AccessRules, Subject
from sidecar.policy.route_filters import AccessFilter
from sidecar.protocol.message import Headers
from sidecar.routing.decision import RouteDecision
from sidecar.telemetry.stats import Counter, Stats

if TYPE_CHECKING:
    from sidecar.exchange.request import Exchange

DENIED_BODY = b"RBAC: access denied"
LIMITED_BODY = b"local_rate_limited"


class Step(Protocol):
    def answers(self, exchange: Exchange, position: int) -> bool:
        """True = the request is answered, or `exchange.go_on(position)` will be called later."""
        ...

    def repeats(self, decision: RouteDecision) -> bool:
        """Whether a request that passed once passes again with the same bytes, but for `pass_again`."""
        ...

    def pass_again(self, exchange: Exchange) -> bool:
        """As `answers`, for such a request."""
        ...


class CorsStep:
    def answers(self, exchange: Exchange, position: int) -> bool:
        decision = exchange.decision
        return decision is not None and decision.cors is not None and exchange.cors(decision.cors)

    def repeats(self, decision: RouteDecision) -> bool:
        return decision.cors is None

    def pass_again(self, exchange: Exchange) -> bool:
        return False


class FaultStep:
    def __init__(self, config: HTTPFault) -> None:
        """Raises `Refused`."""
        self._own = Fault(config) if config.delay is not None or config.abort is not None else None

    def answers(self, exchange: Exchange, position: int) -> bool:
        decision = exchange.decision
        fault = self._own if decision is None else decision.fault or self._own
        if fault is None:
            return False
        cluster = "" if decision is None else decision.cluster
        drawn = fault.decide(exchange.head, cluster, exchange.manager.rng)
        if not drawn.delay_s and not drawn.status:
            return False
        exchange.fault(drawn, position)
        return True

    def repeats(self, decision: RouteDecision) -> bool:
        return self._own is None and decision.fault is None

    def pass_again(self, exchange: Exchange) -> bool:
        return False


class RbacStep:
    """Statistics are Envoy's: `http.<prefix>.rbac.allowed` and its like, with the rules' own prefix between."""

    def __init__(self, name: str, config: Rbac, stats: Stats, prefix: str) -> None:
        """Raises `Refused`."""
        self._name = name
        self._own = AccessFilter(config)
        own, shadow = (f"{prefix}rbac.{inner}" for inner in (config.rules_stat_prefix, config.shadow_rules_stat_prefix))
        self._allowed, self._denied = stats.counter(own + "allowed"), stats.counter(own + "denied")
        self._shadow_allowed = stats.counter(shadow + "shadow_allowed")
        self._shadow_denied = stats.counter(shadow + "shadow_denied")

    def _filter(self, decision: RouteDecision | None) -> AccessFilter:
        special = None if decision is None else decision.per_filter.get(self._name)
        return special if isinstance(special, AccessFilter) else self._own

    def answers(self, exchange: Exchange, position: int) -> bool:
        wanted = self._filter(exchange.decision)
        if wanted.shadow is not None:
            shadowed = wanted.shadow.decide(exchange.head, _subject(exchange.stream.accepted))
            (self._shadow_allowed if shadowed.allowed else self._shadow_denied).value += 1
        if wanted.rules is None:
            return False
        verdict = wanted.rules.decide(exchange.head, _subject(exchange.stream.accepted))
        if verdict.allowed:
            self._allowed.value += 1
            return False
        self._denied.value += 1
        details = f"rbac_access_denied_matched_policy[{verdict.policy or 'none'}]"
        exchange.answer(Reply(403, "", details, DENIED_BODY))
        return True

    def repeats(self, decision: RouteDecision) -> bool:
        wanted = self._filter(decision)
        rules: tuple[AccessRules | None, ...] = (wanted.rules, wanted.shadow)
        return wanted.shadow is None and all(one is None or one.same_for_same_bytes for one in rules)

    def pass_again(self, exchange: Exchange) -> bool:
        if self._filter(exchange.decision).rules is not None:
            self._allowed.value += 1
        return False


class LimitStats(NamedTuple):
    """Envoy's names. `shadow_mode` is there for those who look for it: descriptors have it, and we have none."""

    enabled: Counter
    ok: Counter
    rate_limited: Counter
    enforced: Counter
    shadow_mode: Counter


class RateLimitStep:
    def __init__(self, name: str, config: LocalRateLimit, stats: Stats) -> None:
        """Raises `Refused`."""
        self._name = name
        self._own = RateLimit(config)
        self._stats = stats
        self._made: dict[str, LimitStats] = {}
        self._count(self._own)

    def answers(self, exchange: Exchange, position: int) -> bool:
        special = None if exchange.decision is None else exchange.decision.per_filter.get(self._name)
        limit = special if isinstance(special, RateLimit) else self._own
        found = limit.decide(exchange.dispatcher.time(), exchange.manager.rng)
        if not found.enabled:
            return False
        stats = self._made.get(limit.stat_prefix) or self._count(limit)
        stats.enabled.value += 1
        if not found.limited:
            stats.ok.value += 1
            return False
        stats.rate_limited.value += 1
        if not found.enforced:
            limit.marks.apply(exchange.head.headers, exchange.head, None, exchange.record)
            return False
        stats.enforced.value += 1
        told = Headers()
        limit.tells.apply(told, exchange.head, None, exchange.record)
        exchange.answer(
            Reply(limit.status, "RL", "local_rate_limited", LIMITED_BODY, headers=tuple(told), grpc=limit.grpc_status)
        )
        return True

    def _count(self, limit: RateLimit) -> LimitStats:
        made = self._made[limit.stat_prefix] = LimitStats(
            *(self._stats.counter(f"{limit.stat_prefix}.http_local_rate_limit.{one}") for one in LimitStats._fields)
        )
        return made

    def repeats(self, decision: RouteDecision) -> bool:
        special = decision.per_filter.get(self._name)
        limit = special if isinstance(special, RateLimit) else self._own
        return not limit.marks

    def pass_again(self, exchange: Exchange) -> bool:
        return self.answers(exchange, 0)


def step_of(one: HttpFilter, stats: Stats, prefix: str) -> Step | None:
    """None = the filter has no part in the request's way. `prefix` of statistics. Raises `Refused`."""
    match one.typed_config:
        case CorsConfig():
            return CorsStep()
        case HTTPFault() as fault:
            return FaultStep(fault)
        case Rbac() as rbac:
            return RbacStep(one.name, rbac, stats, prefix)
        case LocalRateLimit() as limit:
            return RateLimitStep(one.name, limit, stats)
    return None


def _subject(accepted: Accepted) -> Subject:
    names = accepted.names
    known = (*names.uris, *names.dns) or ((names.subject,) if names.subject else ())
    local = accepted.local
    return Subject(
        remote_ip=accepted.remote.host,
        direct_remote_ip=accepted.direct_remote.host,
        destination_ip=local.host,
        destination_port=local.port,
        server_name=accepted.server_name,
        authenticated=bool(names.digest),
        names=known,
    )
