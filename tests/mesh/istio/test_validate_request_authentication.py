"""Issuers, keys, and the places of a token."""

from __future__ import annotations

from typing import Any

import pytest

from mesh.istio.findings import Findings
from mesh.istio.validate_request_authentication import validate_request_authentication


@pytest.mark.parametrize(
    ("spec", "errors", "warnings"),
    [
        ({}, [], []),
        ({"jwtRules": [{"issuer": "a"}]}, [], []),
        ({"jwtRules": [{}]}, ["spec.jwtRules[0].issuer"], []),
        ({"jwtRules": [{"jwksUri": "https://a.b/c"}]}, [], []),
        ({"jwtRules": [{"issuer": "a", "jwksUri": "ftp://a.b"}]}, ["spec.jwtRules[0].jwksUri"], []),
        ({"jwtRules": [{"issuer": "a", "jwksUri": "https://"}]}, ["spec.jwtRules[0].jwksUri"], []),
        ({"jwtRules": [{"issuer": "a", "jwksUri": "https://a:x/"}]}, ["spec.jwtRules[0].jwksUri"], []),
        ({"jwtRules": [{"issuer": "a", "jwks": '{"keys": [{"kty": "RSA"}]}'}]}, [], []),
        ({"jwtRules": [{"issuer": "a", "jwks": "{}"}]}, ["spec.jwtRules[0].jwks"], []),
        (
            {"jwtRules": [{"issuer": "a", "jwks": '{"keys": [{"kty": "RSA"}]}', "jwksUri": "https://a"}]},
            ["spec.jwtRules[0].jwks"],
            [],
        ),
        (
            {"jwtRules": [{"issuer": "a", "fromHeaders": [{"prefix": "p"}]}]},
            ["spec.jwtRules[0].fromHeaders[0].name"],
            [],
        ),
        ({"jwtRules": [{"issuer": "a", "fromCookies": ["", "b"]}]}, ["spec.jwtRules[0].fromCookies[0]"], []),
        (
            {"jwtRules": [{"issuer": "a", "outputClaimToHeaders": [None]}]},
            ["spec.jwtRules[0].outputClaimToHeaders[0]"],
            [],
        ),
        (
            {"jwtRules": [{"issuer": "a", "outputClaimToHeaders": [{"header": "x:y", "claim": "c"}]}]},
            ["spec.jwtRules[0].outputClaimToHeaders[0].header"],
            [],
        ),
        ({"jwtRules": [{"issuer": "a", "timeout": "0s"}]}, ["spec.jwtRules[0].timeout"], []),
    ],
)
def test_request_authentication(spec: dict[str, Any], errors: list[str], warnings: list[str]) -> None:
    found = Findings("spec")
    validate_request_authentication(found, spec, "default")
    assert [one.path for one in found.errors] == errors
    assert [one.path for one in found.warnings] == warnings
