"""Which requests need which token, and whether theirs will do (docs: http_filters/jwt_authn_filter). Pure."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from sidecar.config.jwt_authn import JwtAuthentication, JwtProvider, JwtRequirement
from sidecar.config.refusal import Refused
from sidecar.policy.jwt_keys import KeySet
from sidecar.policy.jwt_locations import Location, in_order, locations
from sidecar.policy.jwt_token import AUDIENCE_NOT_ALLOWED, MISSED, OK, UNKNOWN_ISSUER, Token, parse_token
from sidecar.protocol.message import RequestHead
from sidecar.routing.conditions import compile_conditions
from sidecar.routing.paths import PathIndex

VERIFIED_MAX = 256
"""Tokens of one provider whose signature need not be checked again; more, and all are forgotten."""
VERIFIED_BYTES_MAX = 4096
"""Of such a token (Envoy's jwt_max_token_size)."""


class Accepted(NamedTuple):
    provider: Provider
    token: Token
    location: Location


Found = list[Accepted]
Check = Callable[[RequestHead, float, Found], str]
"""(request, now in seconds since the epoch, where accepted tokens go) -> what is wrong, "" = nothing."""


class Provider:
    def __init__(self, name: str, config: JwtProvider) -> None:
        self.name = name
        self.config = config
        self.locations = locations(config)
        self.audiences = frozenset(map(_bare, config.audiences))
        self.keys = KeySet(config.local_jwks.inline or b"")
        self._verified: dict[bytes, Token] = {}

    def check(self, raw: bytes, now_s: float, audiences: frozenset[str]) -> Token | str:
        known = self._verified.get(raw)
        token = known if known is not None else parse_token(raw)
        if isinstance(token, str):
            return token
        if self.config.issuer and token.issuer != self.config.issuer:
            return UNKNOWN_ISSUER
        problem = token.in_time(now_s, self.config.clock_skew_seconds)
        if problem:
            return problem
        if audiences and audiences.isdisjoint(map(_bare, token.audiences)):
            return AUDIENCE_NOT_ALLOWED
        if known is not None:
            return token
        problem = self.keys.verify(token)
        if problem:
            return problem
        if len(raw) <= VERIFIED_BYTES_MAX:
            if len(self._verified) >= VERIFIED_MAX:
                self._verified.clear()
            self._verified[raw] = token
        return token

    def payload(self, token: Token) -> Mapping[str, Any]:
        """As it goes into the metadata."""
        lists = self.config.normalize_payload_in_metadata.space_delimited_claims
        found = {name: token.payload[name].split() for name in lists if isinstance(token.payload.get(name), str)}
        return {**token.payload, **found} if found else token.payload


def _bare(audience: str) -> str:
    """Envoy compares audiences without their scheme and final slash."""
    for scheme in ("http://", "https://"):
        audience = audience.removeprefix(scheme)
    return audience.removesuffix("/")


class Requirements:
    """All rules of a filter, compiled."""

    def __init__(self, config: JwtAuthentication, rng: random.Random) -> None:
        """Raises `Refused`."""
        self.providers = {name: Provider(name, one) for name, one in config.providers.items()}
        self.named = {
            name: self._compile(one, f"requirement_map[{name}]") for name, one in config.requirement_map.items()
        }
        rules = []
        for index, rule in enumerate(config.rules):
            where = f"rules[{index}]"
            try:
                conditions = compile_conditions(rule.match, rng)
            except Refused as refused:
                raise refused.at(f"{where}.match") from None
            check: Check | None = None
            if rule.requires is not None:
                check = self._compile(rule.requires, f"{where}.requires")
            elif rule.requirement_name is not None:
                if rule.requirement_name not in self.named:
                    raise Refused("not in requirement_map", f"{where}.requirement_name")
                check = self.named[rule.requirement_name]
            rules.append((rule.match, (conditions, check)))
        self._rules = PathIndex(rules)

    def check_for(self, head: RequestHead) -> Check | None:
        """None = no token is needed."""
        for conditions, check in self._rules.candidates(head.path.partition(b"?")[0]):
            if all(condition(head) for condition in conditions):
                return check
        return None

    def _compile(self, config: JwtRequirement, where: str) -> Check | None:
        if config.provider_name is not None:
            provider = self._provider(config.provider_name, f"{where}.provider_name")
            return _one(provider, provider.audiences)
        if config.provider_and_audiences is not None:
            both = config.provider_and_audiences
            provider = self._provider(both.provider_name, f"{where}.provider_and_audiences.provider_name")
            return _one(provider, frozenset(map(_bare, both.audiences)) or provider.audiences)
        if config.requires_any is not None:
            listed = config.requires_any.requirements
            kept = [one for one in listed if one.allow_missing is None and one.allow_missing_or_failed is None]
            missing = any(one.allow_missing is not None for one in listed)
            failed = any(one.allow_missing_or_failed is not None for one in listed)
            inner = f"{where}.requires_any.requirements"
            return _any([self._compile(one, inner) for one in kept], missing=missing, failed=failed)
        if config.requires_all is not None:
            inner = f"{where}.requires_all.requirements"
            return _all([self._compile(one, inner) for one in config.requires_all.requirements])
        if config.allow_missing is not None or config.allow_missing_or_failed is not None:
            return _optional(tuple(self.providers.values()), failed=config.allow_missing is None)
        return None

    def _provider(self, name: str, where: str) -> Provider:
        found = self.providers.get(name)
        if found is None:
            raise Refused("no such provider", where)
        return found


def _one(provider: Provider, audiences: frozenset[str]) -> Check:
    def check(head: RequestHead, now_s: float, found: Found) -> str:
        status = MISSED
        # All tokens of a request must be good, or one could be shown here and another used behind.
        for location in provider.locations:
            raw = location.read(head)
            if raw is None:
                continue
            token = provider.check(raw, now_s, audiences)
            if isinstance(token, str):
                return token
            status = OK
            found.append(Accepted(provider, token, location))
        return status

    return check


def _optional(providers: tuple[Provider, ...], *, failed: bool) -> Check:
    """Whatever tokens there are are checked by the provider of their issuer; none need be there."""
    every = in_order(location for provider in providers for location in provider.locations)

    def check(head: RequestHead, now_s: float, found: Found) -> str:
        for location in every:
            raw = location.read(head)
            if raw is None:
                continue
            parsed = parse_token(raw)
            if isinstance(parsed, str):
                if failed:
                    continue
                return parsed
            provider = _of_issuer(providers, parsed.issuer, location)
            token = UNKNOWN_ISSUER if provider is None else provider.check(raw, now_s, provider.audiences)
            if provider is not None and not isinstance(token, str):
                found.append(Accepted(provider, token, location))
            elif not failed:
                return str(token)
        return OK

    return check


def _of_issuer(providers: Iterable[Provider], issuer: str, location: Location) -> Provider | None:
    fitting = [one for one in providers if location in one.locations and one.config.issuer in ("", issuer)]
    return min(fitting, key=lambda one: not one.config.issuer) if fitting else None


def _any(checks: list[Check | None], *, missing: bool, failed: bool) -> Check:
    """Of several failures the last that is neither a missing token nor a strange issuer is told (Envoy)."""

    def check(head: RequestHead, now_s: float, found: Found) -> str:
        told = MISSED
        for one in checks:
            status = OK if one is None else one(head, now_s, found)
            if not status:
                return OK
            if status != MISSED and (status != UNKNOWN_ISSUER or told == MISSED):
                told = status
        return OK if failed or (missing and told == MISSED) else told

    return check


def _all(checks: list[Check | None]) -> Check:
    def check(head: RequestHead, now_s: float, found: Found) -> str:
        for one in checks:
            status = OK if one is None else one(head, now_s, found)
            if status:
                return status
        return OK

    return check


def claim_text(payload: Mapping[str, Any], path: str) -> bytes | None:
    """A claim as a header's value: scalars as text, lists and objects as base64url of their JSON; None = absent."""
    value: Any = payload
    for step in path.split("."):
        if not isinstance(value, Mapping) or step not in value:
            return None
        value = value[step]
    if isinstance(value, str):
        text = value.encode()
        return text if not set(text) & set(b"\r\n\0") else None
    if isinstance(value, bool | int | float):
        return msgspec.json.encode(value)
    return base64.urlsafe_b64encode(msgspec.json.encode(value)).rstrip(b"=") if value is not None else None
