"""Signatures of every algorithm; keys chosen by kid and alg."""

from __future__ import annotations

from typing import Any

import pytest

from sidecar.policy.jwt_keys import KeySet
from sidecar.policy.jwt_token import ALGORITHMS, FAILED, NO_MATCHING_KEY, NO_VALID_KEYS, OK, Token, parse_token
from tests.sidecar.policy.tokens import jwk, jwks, token


def parsed(text: str) -> Token:
    found = parse_token(text.encode())
    assert isinstance(found, Token)
    return found


@pytest.mark.parametrize("alg", sorted(ALGORITHMS))
def test_good_and_broken(alg: str) -> None:
    keys = KeySet(jwks(jwk(alg)).encode())
    good = parsed(token(alg))
    assert keys.verify(good) == OK
    assert keys.verify(good._replace(signed=good.signed + b"x")) == FAILED
    assert keys.verify(good._replace(signature=good.signature[:-1])) == FAILED


@pytest.mark.parametrize(
    ("key", "header", "status"),
    [
        ({"kid": "a"}, {"kid": "a"}, OK),
        ({"kid": "a"}, {}, OK),
        ({}, {"kid": "a"}, OK),
        ({"kid": "b"}, {"kid": "a"}, NO_MATCHING_KEY),
        ({"alg": "RS512"}, {}, NO_MATCHING_KEY),
    ],
)
def test_choice(key: dict[str, Any], header: dict[str, Any], status: str) -> None:
    assert KeySet(jwks(jwk("RS256", **key)).encode()).verify(parsed(token("RS256", header))) == status


@pytest.mark.parametrize("document", [b"", b"[]", b"{}", b'{"keys":[{"kty":"RSA"},{"kty":"x"},1]}'])
def test_no_keys(document: bytes) -> None:
    assert KeySet(document).verify(parsed(token())) == NO_VALID_KEYS


def test_an_rsa_key_is_no_secret() -> None:
    """The classic confusion: HS256 with the public key as the secret."""
    assert KeySet(jwks(jwk("RS256")).encode()).verify(parsed(token("HS256"))) == FAILED
