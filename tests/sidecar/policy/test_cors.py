"""Cross-origin requests: preflights, marked answers, and origins that are not allowed."""

from __future__ import annotations

import random
from typing import Any

import pytest

from sidecar.config.decode import decode
from sidecar.config.http_filters import CorsPolicy
from sidecar.config.refusal import Refused
from sidecar.policy.cors import Cors
from sidecar.protocol.message import Headers
from tests.sidecar.routing.requests import get

ORIGIN = "https://a.example"
POLICY: dict[str, Any] = {
    "allow_origin_string_match": [{"exact": ORIGIN}],
    "allow_methods": "GET,POST",
    "allow_headers": "x-a",
    "expose_headers": "x-b",
    "max_age": "60",
    "allow_credentials": True,
}


def cors(**fields: Any) -> Cors:
    return Cors(decode(CorsPolicy, {**POLICY, **fields}))


@pytest.mark.parametrize(
    ("fields", "origin", "allowed"),
    [
        ({}, ORIGIN, True),
        ({}, "https://b.example", False),
        ({}, "", False),
        ({"allow_origin_string_match": [{"exact": "*"}]}, "https://b.example", True),
        ({"allow_origin_string_match": [{"safe_regex": {"regex": r"https://.*\.example"}}]}, ORIGIN, True),
        ({"allow_origin_string_match": []}, ORIGIN, False),
        ({"filter_enabled": {"default_value": {"numerator": 0}}}, ORIGIN, False),
    ],
)
def test_origins(fields: dict[str, Any], origin: str, allowed: bool) -> None:
    found = cors(**fields).allowed_origin(get(origin=origin), random.Random(0))
    assert found == (origin.encode() if allowed else None)


def test_a_preflight_is_answered() -> None:
    head = get(method="OPTIONS", origin=ORIGIN, access_control_request_method="POST")
    assert dict(cors().preflight(head, ORIGIN.encode()) or ()) == {
        b"access-control-allow-origin": ORIGIN.encode(),
        b"access-control-allow-credentials": b"true",
        b"access-control-allow-methods": b"GET,POST",
        b"access-control-allow-headers": b"x-a",
        b"access-control-max-age": b"60",
    }


@pytest.mark.parametrize(("forward", "answer"), [(True, None), (False, ())])
def test_a_preflight_of_another_origin(forward: bool, answer: Any) -> None:
    head = get(method="OPTIONS", origin="https://b.example", access_control_request_method="POST")
    assert cors(forward_not_matching_preflights=forward).preflight(head, None) == answer


def test_other_requests_are_no_preflights() -> None:
    assert cors().preflight(get(method="OPTIONS", origin=ORIGIN), ORIGIN.encode()) is None
    assert cors().preflight(get(origin=ORIGIN, access_control_request_method="GET"), ORIGIN.encode()) is None


def test_answers_are_marked_for_allowed_origins_only() -> None:
    headers = Headers([(b"access-control-allow-origin", b"*")])
    cors().mark(headers, None)
    assert headers.get(b"access-control-allow-origin") == b"*"
    cors().mark(headers, ORIGIN.encode())
    assert headers.get(b"access-control-allow-origin") == ORIGIN.encode()
    assert headers.get(b"access-control-expose-headers") == b"x-b"


def test_refused() -> None:
    with pytest.raises(Refused) as caught:
        cors(allow_origin_string_match=[{"safe_regex": {"regex": "("}}])
    assert caught.value.refusal.path == "allow_origin_string_match[0].safe_regex.regex"
