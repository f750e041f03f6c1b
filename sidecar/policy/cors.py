"""Cross-origin requests (Fetch standard, 3.2), as Envoy's cors filter: preflights answered here, answers marked.

The origin that asked is echoed. Without a policy, an Origin header or a matching origin nothing happens, except that
a preflight of another origin is answered here if the policy says so (unmatchedPreflights IGNORE in Istio).
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from sidecar.config.http_filters import CorsPolicy
from sidecar.config.refusal import Refused
from sidecar.protocol.message import Headers, RequestHead
from sidecar.routing.conditions import string_predicate

ORIGIN = b"origin"
REQUEST_METHOD = b"access-control-request-method"
ALLOW_ORIGIN = b"access-control-allow-origin"
ALLOW_CREDENTIALS = b"access-control-allow-credentials"
ALLOW_METHODS = b"access-control-allow-methods"
ALLOW_HEADERS = b"access-control-allow-headers"
EXPOSE_HEADERS = b"access-control-expose-headers"
MAX_AGE = b"access-control-max-age"
ANY_ORIGIN = b"*"

Pairs = Sequence[tuple[bytes, bytes]]


class Cors:
    """A policy, compiled."""

    __slots__ = ("_forward", "_fraction", "_origins", "_preflight", "_response")

    def __init__(self, config: CorsPolicy) -> None:
        """Raises `Refused`."""
        origins = []
        for index, matcher in enumerate(config.allow_origin_string_match):
            try:
                origins.append(string_predicate(matcher))
            except Refused as refused:
                raise refused.at(f"allow_origin_string_match[{index}]") from None
        self._origins = tuple(origins)
        self._fraction = config.filter_enabled.fraction if config.filter_enabled is not None else 1.0
        self._forward = config.forward_not_matching_preflights
        credentials = [(ALLOW_CREDENTIALS, b"true")] if config.allow_credentials else []
        answered = _given(
            (ALLOW_METHODS, config.allow_methods), (ALLOW_HEADERS, config.allow_headers), (MAX_AGE, config.max_age)
        )
        self._preflight = (*credentials, *answered)
        self._response = tuple(credentials + _given((EXPOSE_HEADERS, config.expose_headers)))

    def allowed_origin(self, head: RequestHead, rng: random.Random) -> bytes | None:
        """The request's origin if the policy allows it. Ask once a request; pass it to the two below."""
        origin = head.headers.get(ORIGIN)
        if not origin or (self._fraction < 1.0 and rng.random() >= self._fraction):
            return None
        allowed = any(test(ANY_ORIGIN) or test(origin) for test in self._origins)
        return origin if allowed else None

    def preflight(self, head: RequestHead, origin: bytes | None) -> Pairs | None:
        """Headers of the 200 that answers a preflight; None = not to be answered here, go on."""
        if head.method != b"OPTIONS" or not head.headers.get(REQUEST_METHOD) or not head.headers.get(ORIGIN):
            return None
        if origin is None:
            return None if self._forward else ()
        return ((ALLOW_ORIGIN, origin), *self._preflight)

    def mark(self, headers: Headers, origin: bytes | None) -> None:
        """On the response of a request from an allowed origin."""
        if origin is None:
            return
        headers.set(ALLOW_ORIGIN, origin)
        for name, value in self._response:
            headers.set(name, value)


def _given(*pairs: tuple[bytes, str]) -> list[tuple[bytes, bytes]]:
    return [(name, value.encode()) for name, value in pairs if value]
