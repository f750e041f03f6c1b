"""The jwt_authn filter on a request's way: tokens checked, taken away or told onwards, refusals as Envoy words them."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from sidecar.config.jwt_authn import JwtAuthentication
from sidecar.exchange.local_reply import Reply
from sidecar.exchange.step import Step
from sidecar.policy.jwt_authn import Accepted, Check, Requirements, claim_text
from sidecar.policy.jwt_token import AUDIENCE_NOT_ALLOWED, MISSED
from sidecar.policy.route_filters import TokenNeed
from sidecar.routing.decision import RouteDecision
from sidecar.telemetry.stats import Stats

if TYPE_CHECKING:
    from sidecar.exchange.request import Exchange

FILTER = "envoy.filters.http.jwt_authn"
"""Payloads are put under this name into the request's metadata, whatever the filter is called (Envoy)."""
URI_BYTES_MAX = 256


class JwtStep(Step):
    """Statistics: `http.<prefix>.jwt_authn.allowed` and its like."""

    def __init__(self, config: JwtAuthentication, stats: Stats, prefix: str, rng: random.Random) -> None:
        """Raises `Refused`."""
        self._requirements = Requirements(config, rng)
        self._bypass = config.bypass_cors_preflight
        providers = config.providers.values()
        made = [one.forward_payload_header for one in providers]
        made += [claim.header_name for one in providers for claim in one.claim_to_headers]
        self._made = tuple({name.lower().encode() for name in made if name})
        counted = f"{prefix}jwt_authn.{config.stat_prefix}"
        self._allowed, self._denied = stats.counter(counted + "allowed"), stats.counter(counted + "denied")
        self._preflights = stats.counter(counted + "cors_preflight_bypassed")
        for name in ("jwks_fetch_success", "jwks_fetch_failed"):
            stats.counter(counted + name)  # Envoy shows them; keys are never fetched here

    def answers(self, exchange: Exchange, position: int) -> bool:
        head = exchange.head
        if self._bypass and head.method == b"OPTIONS" and _is_preflight(exchange):
            self._preflights.value += 1
            return False
        special = None if exchange.decision is None else exchange.decision.per_filter.get(self.name)
        check: Check | None
        if isinstance(special, TokenNeed):
            if special.name and special.name not in self._requirements.named:
                return self._misconfigured(exchange, special.name)
            check = self._requirements.named[special.name] if special.name else None
        else:
            check = self._requirements.check_for(head)
        if check is None:
            self._allowed.value += 1
            return False
        uri = b"%s://%s%s" % (head.scheme, head.authority, head.path[:URI_BYTES_MAX])
        for name in self._made:
            head.headers.remove(name)
        found: list[Accepted] = []
        problem = check(head, exchange.wall_s, found)
        for one in found:
            _tell(exchange, one)
        if not problem:
            self._allowed.value += 1
            return False
        self._denied.value += 1
        exchange.answer(_refusal(problem, uri))
        return True

    def _misconfigured(self, exchange: Exchange, name: str) -> bool:
        self._denied.value += 1
        known = ",".join(sorted(self._requirements.named))
        problem = f"Wrong requirement_name: {name}. It should be one of [{known}]"
        details = f"jwt_authn_access_denied{{{problem.replace(' ', '_')}}}"
        exchange.answer(Reply(403, "", details, f"Failed JWT authentication: {problem}".encode()))
        return True

    def repeats(self, decision: RouteDecision) -> bool:
        return False


def _is_preflight(exchange: Exchange) -> bool:
    headers = exchange.head.headers
    return bool(headers.get(b"origin")) and bool(headers.get(b"access-control-request-method"))


def _refusal(problem: str, uri: bytes) -> Reply:
    challenge = b'Bearer realm="%s"' % uri
    if problem != MISSED:
        challenge += b', error="invalid_token"'
    details = f"jwt_authn_access_denied{{{problem.replace(' ', '_')}}}"
    status = 403 if problem == AUDIENCE_NOT_ALLOWED else 401
    return Reply(status, "UAEX", details, problem.encode(), headers=((b"www-authenticate", challenge),))


def _tell(exchange: Exchange, one: Accepted) -> None:
    head, provider, token = exchange.head, one.provider, one.token
    config = provider.config
    if config.forward_payload_header:
        padding = b"=" * (-len(token.payload_section) % 4) if config.pad_forward_payload_header else b""
        head.headers.set(config.forward_payload_header.lower().encode(), token.payload_section + padding)
    for claim in config.claim_to_headers:
        text = claim_text(token.payload, claim.claim_name)
        if text is not None:
            head.headers.set(claim.header_name.lower().encode(), text)
    if not config.forward:
        one.location.remove(head)
    if config.payload_in_metadata:
        known = exchange.metadata.get(FILTER, {})
        exchange.metadata = {
            **exchange.metadata,
            FILTER: {**known, config.payload_in_metadata: provider.payload(token)},
        }
