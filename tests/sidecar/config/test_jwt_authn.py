"""Providers need keys of their own; what is fetched is refused."""

from __future__ import annotations

from typing import Any

import pytest

from sidecar.config.decode import decode
from sidecar.config.jwt_authn import JwtAuthentication, JwtPerRoute, JwtRequirement
from tests.sidecar.config.tables import refusal

KEYS = {"local_jwks": {"inline_string": "{}"}}


def test_defaults() -> None:
    provider = decode(JwtAuthentication, {"providers": {"p": KEYS}}).providers["p"]
    assert (provider.clock_skew_seconds, provider.forward, provider.issuer) == (60, False, "")


@pytest.mark.parametrize(
    ("message", "value", "path"),
    [
        (JwtAuthentication, {"providers": {"p": {}}}, "providers[p].local_jwks"),
        (JwtAuthentication, {"providers": {"p": {**KEYS, "remote_jwks": {}}}}, "providers[p].remote_jwks"),
        (JwtAuthentication, {"providers": {"p": {"local_jwks": {"filename": "x"}}}}, "providers[p].local_jwks"),
        (JwtRequirement, {"provider_name": "a", "allow_missing": {}}, "allow_missing"),
        (JwtRequirement, {"requires_any": {"requirements": [{}]}}, "requires_any.requirements"),
        (JwtPerRoute, {"disabled": False}, "disabled"),
    ],
)
def test_refused(message: Any, value: dict[str, Any], path: str) -> None:
    assert refusal(message, value).path == path
