"""Tokens taken apart: every way to be none has Envoy's words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.policy.jwt_token import BAD_FORMAT, EXPIRED, NOT_YET_VALID, OK, Token, parse_token
from tests.sidecar.policy.tokens import b64


def raw(header: Any, payload: Any, signature: str = "c2ln") -> bytes:
    return f"{b64(json.dumps(header).encode())}.{b64(json.dumps(payload).encode())}.{signature}".encode()


RS = {"alg": "RS256"}


def test_taken() -> None:
    found = parse_token(raw({"alg": "RS256", "kid": "k"}, {"iss": "i", "aud": "a", "exp": 5, "nbf": 2}))
    assert isinstance(found, Token)
    assert (found.alg, found.kid, found.issuer, found.audiences) == ("RS256", "k", "i", ("a",))
    assert (found.not_before_s, found.expires_s, found.signature) == (2, 5, b"sig")


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", BAD_FORMAT),
        (b"a.b", BAD_FORMAT),
        (b"a..b", BAD_FORMAT),
        (b"a.b.c.d", BAD_FORMAT),
        (b"!!!!.YQ.YQ", "Jwt header is an invalid Base64url encoded"),
        (b"YWFh.YQ.YQ", "Jwt header is an invalid JSON"),
        (raw([], {}), "Jwt header is an invalid JSON"),
        (raw({}, {}), "Jwt header [alg] field is required and must be a string"),
        (raw({"alg": "none"}, {}), "Jwt header [alg] is not supported"),
        (raw({**RS, "kid": 1}, {}), "Jwt header [kid] field is not a string"),
        (raw(RS, []), "Jwt payload is an invalid JSON"),
        (raw(RS, {"iss": 1}), "Jwt payload [iss] field is not a string"),
        (raw(RS, {"exp": "1"}), "Jwt payload [exp] field is not an integer"),
        (raw(RS, {"nbf": -1}), "Jwt payload [nbf] field is not a positive 64 bit integer"),
        (raw(RS, {"aud": [1]}), "Jwt payload [aud] field is not a string or string list"),
        (raw(RS, {}, "!"), "Jwt signature is an invalid Base64url encoded"),
    ],
)
def test_refused(data: bytes, problem: str) -> None:
    assert parse_token(data) == problem


@pytest.mark.parametrize(("now", "problem"), [(89, NOT_YET_VALID), (90, OK), (210, OK), (211, EXPIRED)])
def test_time_with_clock_skew(now: float, problem: str) -> None:
    found = parse_token(raw(RS, {"nbf": 100, "exp": 200}))
    assert isinstance(found, Token)
    assert found.in_time(now, 10) == problem


@given(st.binary(max_size=200))
def test_anything_gives_an_answer(data: bytes) -> None:
    assert isinstance(parse_token(data), Token | str)
