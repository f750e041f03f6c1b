"""Requirements: which token a request needs, and what is said when it does not have it."""

from __future__ import annotations

import random
from typing import Any

import pytest

from sidecar.config.decode import decode
from sidecar.config.jwt_authn import JwtAuthentication
from sidecar.config.refusal import Refused
from sidecar.policy.jwt_authn import VERIFIED_MAX, Accepted, Requirements, claim_text
from sidecar.policy.jwt_token import AUDIENCE_NOT_ALLOWED, EXPIRED, FAILED, MISSED, OK, UNKNOWN_ISSUER
from sidecar.protocol.message import Headers, RequestHead
from tests.sidecar.policy.tokens import jwk, jwks, token

KEYS = {"inline_string": jwks(jwk("HS256"))}
PROVIDERS = {
    "a": {"issuer": "me", "local_jwks": KEYS, "audiences": ["https://aud/"]},
    "b": {"issuer": "other", "local_jwks": KEYS, "from_params": ["b"]},
}
A, B = {"provider_name": "a"}, {"provider_name": "b"}
ANY = {"requires_any": {"requirements": [A, B]}}
ALL = {"requires_all": {"requirements": [A, B]}}
OPTIONAL, LENIENT = {"allow_missing": {}}, {"allow_missing_or_failed": {}}
GOOD_A, GOOD_B = token("HS256", aud="aud"), token("HS256", iss="other")
EXPIRED_A, BAD = token("HS256", aud="aud", exp=1), GOOD_A[:-4] + "AAAA"


def head(bearer: str = "", b: str = "") -> RequestHead:
    pairs = [(b"authorization", f"Bearer {bearer}".encode())] if bearer else []
    return RequestHead(b"GET", f"/?b={b}".encode() if b else b"/", headers=Headers(pairs))


def status(requires: dict[str, Any], request: RequestHead, now: float = 1000.0) -> tuple[str, list[str]]:
    config = {"providers": PROVIDERS, "rules": [{"match": {"prefix": "/"}, "requires": requires}]}
    check = Requirements(decode(JwtAuthentication, config), random.Random(1)).check_for(request)
    found: list[Accepted] = []
    return (OK if check is None else check(request, now, found)), [one.provider.name for one in found]


@pytest.mark.parametrize(
    ("requires", "request_head", "expected"),
    [
        (A, head(GOOD_A), (OK, ["a"])),
        (A, head(), (MISSED, [])),
        (A, head(GOOD_B), (UNKNOWN_ISSUER, [])),
        (A, head(EXPIRED_A), (EXPIRED, [])),
        (A, head(BAD), (FAILED, [])),
        (A, head(token("HS256", aud="x")), (AUDIENCE_NOT_ALLOWED, [])),
        (
            {"provider_and_audiences": {"provider_name": "a", "audiences": ["x"]}},
            head(token("HS256", aud="x")),
            (OK, ["a"]),
        ),
        (ANY, head(b=GOOD_B), (OK, ["b"])),
        (ANY, head(GOOD_A), (OK, ["a"])),
        (ANY, head(), (MISSED, [])),
        (ANY, head(EXPIRED_A, GOOD_A), (EXPIRED, [])),
        ({"requires_any": {"requirements": [A, OPTIONAL]}}, head(), (OK, [])),
        ({"requires_any": {"requirements": [A, OPTIONAL]}}, head(BAD), (FAILED, [])),
        ({"requires_any": {"requirements": [A, LENIENT]}}, head(BAD), (OK, [])),
        (ALL, head(GOOD_A, GOOD_B), (OK, ["a", "b"])),
        (ALL, head(GOOD_A), (MISSED, ["a"])),
        (OPTIONAL, head(), (OK, [])),
        (OPTIONAL, head(GOOD_A), (OK, ["a"])),
        (OPTIONAL, head(BAD), (FAILED, [])),
        (OPTIONAL, head(token("HS256", iss="nobody")), (UNKNOWN_ISSUER, [])),
        (LENIENT, head(BAD, GOOD_B), (OK, ["b"])),
        ({}, head(BAD), (OK, [])),
    ],
)
def test_requirements(requires: dict[str, Any], request_head: RequestHead, expected: tuple[str, list[str]]) -> None:
    assert status(requires, request_head) == expected


def test_the_first_rule_that_matches() -> None:
    rules = [{"match": {"prefix": "/free"}}, {"match": {"prefix": "/need"}, "requirement_name": "a"}]
    config = {"providers": PROVIDERS, "rules": rules, "requirement_map": {"a": A}}
    requirements = Requirements(decode(JwtAuthentication, config), random.Random(1))
    needed = {
        path: requirements.check_for(RequestHead(b"GET", path)) is not None for path in (b"/free", b"/need?x", b"/")
    }
    assert needed == {b"/free": False, b"/need?x": True, b"/": False}


@pytest.mark.parametrize(
    ("config", "path"),
    [
        ({"rules": [{"match": {"prefix": "/"}, "requires": A}]}, "rules[0].requires.provider_name"),
        ({"rules": [{"match": {"prefix": "/"}, "requirement_name": "x"}]}, "rules[0].requirement_name"),
        ({"requirement_map": {"m": {"provider_name": "x"}}}, "requirement_map[m].provider_name"),
    ],
)
def test_names_that_lead_nowhere(config: dict[str, Any], path: str) -> None:
    with pytest.raises(Refused) as refused:
        Requirements(decode(JwtAuthentication, config), random.Random(1))
    assert refused.value.refusal.path == path


def test_a_known_token_still_expires_and_few_are_known() -> None:
    provider = Requirements(decode(JwtAuthentication, {"providers": PROVIDERS}), random.Random(1)).providers["a"]
    short = token("HS256", aud="aud", exp=100).encode()
    assert not isinstance(provider.check(short, 50, provider.audiences), str)
    assert provider.check(short, 161, provider.audiences) == EXPIRED
    for index in range(VERIFIED_MAX + 5):
        provider.check(token("HS256", aud="aud", n=index).encode(), 50, provider.audiences)
    assert len(provider._verified) <= VERIFIED_MAX


def test_lists_by_blanks() -> None:
    providers = {"a": {**PROVIDERS["a"], "normalize_payload_in_metadata": {"space_delimited_claims": ["scope"]}}}
    provider = Requirements(decode(JwtAuthentication, {"providers": providers}), random.Random(1)).providers["a"]
    found = provider.check(token("HS256", aud="aud", scope="r w").encode(), 0, frozenset())
    assert not isinstance(found, str)
    assert provider.payload(found)["scope"] == ["r", "w"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("sub", b"you"), ("n", b"7"), ("t", b"true"), ("in.x", b"deep"), ("l", b"WzEsMl0"), ("no", None),
        ("sub.x", None), ("bad", None),
    ],
)  # fmt: skip
def test_claims_as_headers(path: str, expected: bytes | None) -> None:
    payload = {"sub": "you", "n": 7, "t": True, "in": {"x": "deep"}, "l": [1, 2], "bad": "a\r\nb: c"}
    assert claim_text(payload, path) == expected
