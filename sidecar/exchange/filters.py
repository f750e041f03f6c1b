"""The HTTP filters of a connection manager on a request's way, in the configured order.

A step answers the request itself or lets it go on. What the most specific level of the route says of a filter, by the
filter's name, is used in place of the filter's own configuration. `pass_again` is asked instead when the same head came
before and passed: only what counts or limits each request is left to do then (`sidecar/exchange/prepared.py`).
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, NamedTuple

from sidecar.config.buffer import Buffer
from sidecar.config.header_mutation import HeaderMutation
from sidecar.config.http_filters import Cors as CorsConfig
from sidecar.config.http_filters import HTTPFault, HttpFilter
from sidecar.config.jwt_authn import JwtAuthentication
from sidecar.config.local_rate_limit import LocalRateLimit
from sidecar.config.rbac import Rbac
from sidecar.exchange.body_filters import BufferStep, MutationStep
from sidecar.exchange.jwt_step import JwtStep
from sidecar.exchange.local_reply import Reply
from sidecar.exchange.step import Step
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


class CorsStep(Step):
    def answers(self, exchange: Exchange, position: int) -> bool:
        decision = exchange.decision
        return decision is not None and decision.cors is not None and exchange.cors(decision.cors)

    def repeats(self, decision: RouteDecision) -> bool:
        return decision.cors is None


class FaultStep(Step):
    """Statistics: `http.<prefix>.fault.delays_injected` and its like."""

    def __init__(self, config: HTTPFault, stats: Stats, prefix: str) -> None:
        """Raises `Refused`."""
        self._own = Fault(config)
        self._delays = stats.counter(prefix + "fault.delays_injected")
        self._aborts = stats.counter(prefix + "fault.aborts_injected")
        self._overflow = stats.counter(prefix + "fault.faults_overflow")
        stats.counter(prefix + "fault.response_rl_injected")  # Envoy shows it; that limit is refused here
        self._active = stats.gauge(prefix + "fault.active_faults")

    def answers(self, exchange: Exchange, position: int) -> bool:
        decision = exchange.decision
        fault = self._own if decision is None else decision.fault or self._own
        if not fault.acts:
            return False
        cluster = "" if decision is None else decision.cluster
        drawn = fault.decide(exchange.head, cluster, exchange.manager.rng)
        if not drawn.delay_s and not drawn.status:
            return False
        if fault.active_max is not None and self._active.value >= fault.active_max:
            self._overflow.value += 1
            return False
        self._active.value += 1
        exchange.at_end(self._over)
        self._delays.value += drawn.delay_s > 0
        if drawn.status:
            exchange.fault(drawn, position, self._aborts)
        else:
            exchange.fault(drawn, position)
        return True

    def _over(self) -> None:
        self._active.value -= 1

    def repeats(self, decision: RouteDecision) -> bool:
        return not (decision.fault or self._own).acts


class RbacStep(Step):
    """Statistics are Envoy's: `http.<prefix>.rbac.allowed` and its like, with the rules' own prefix between."""

    def __init__(self, config: Rbac, stats: Stats, prefix: str) -> None:
        """Raises `Refused`."""
        self._own = AccessFilter(config)
        own, shadow = (f"{prefix}rbac.{inner}" for inner in (config.rules_stat_prefix, config.shadow_rules_stat_prefix))
        self._allowed, self._denied = stats.counter(own + "allowed"), stats.counter(own + "denied")
        self._shadow_allowed = stats.counter(shadow + "shadow_allowed")
        self._shadow_denied = stats.counter(shadow + "shadow_denied")

    def _filter(self, decision: RouteDecision | None) -> AccessFilter:
        special = None if decision is None else decision.per_filter.get(self.name)
        return special if isinstance(special, AccessFilter) else self._own

    def answers(self, exchange: Exchange, position: int) -> bool:
        wanted = self._filter(exchange.decision)
        if wanted.shadow is not None:
            shadowed = wanted.shadow.decide(exchange.head, _subject(exchange))
            (self._shadow_allowed if shadowed.allowed else self._shadow_denied).value += 1
        if wanted.rules is None:
            return False
        verdict = wanted.rules.decide(exchange.head, _subject(exchange))
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


class RateLimitStep(Step):
    def __init__(self, config: LocalRateLimit, stats: Stats) -> None:
        """Raises `Refused`."""
        self._own = RateLimit(config)
        self._stats = stats
        self._made: dict[str, LimitStats] = {}
        self._count(self._own)

    def answers(self, exchange: Exchange, position: int) -> bool:
        special = None if exchange.decision is None else exchange.decision.per_filter.get(self.name)
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
        special = decision.per_filter.get(self.name)
        limit = special if isinstance(special, RateLimit) else self._own
        return not limit.marks

    def pass_again(self, exchange: Exchange) -> bool:
        return self.answers(exchange, 0)


def step_of(one: HttpFilter, stats: Stats, prefix: str, rng: random.Random) -> Step | None:
    """None = the filter has no part in the request's way. `prefix` of statistics. Raises `Refused`."""
    step = _made(one, stats, prefix, rng)
    if step is not None:
        step.name = one.name
        step.off = one.disabled
    return step


def _made(one: HttpFilter, stats: Stats, prefix: str, rng: random.Random) -> Step | None:
    match one.typed_config:
        case CorsConfig():
            return CorsStep()
        case HTTPFault() as fault:
            return FaultStep(fault, stats, prefix)
        case Rbac() as rbac:
            return RbacStep(rbac, stats, prefix)
        case LocalRateLimit() as limit:
            return RateLimitStep(limit, stats)
        case JwtAuthentication() as jwt:
            return JwtStep(jwt, stats, prefix, rng)
        case HeaderMutation() as mutation:
            return MutationStep(mutation)
        case Buffer() as buffer:
            return BufferStep(buffer)
    return None


def _subject(exchange: Exchange) -> Subject:
    accepted = exchange.stream.accepted
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
        metadata=exchange.metadata,
    )
