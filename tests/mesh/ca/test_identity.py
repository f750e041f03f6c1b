"""SPIFFE ids: which strings are one, and whose certificate carries one."""

from __future__ import annotations

import pytest

from mesh.ca.identity import Identity, parse_identity, peer_identity, user_identity

URI = "spiffe://cluster.local/ns/shop/sa/reviews"
REVIEWS = Identity("cluster.local", "shop", "reviews")


@pytest.mark.parametrize(
    ("uri", "identity"),
    [
        (URI, REVIEWS),
        ("spiffe://cluster.local/ns/shop/sa/reviews/", None),
        ("spiffe://cluster.local/ns/shop/sa/", None),
        ("spiffe://cluster.local/ns/shop", None),
        ("spiffe://cluster.local/ns/shop/sa/a/b", None),
        ("spiffe://cluster.local/ns/../sa/x\n", None),
        ("https://cluster.local/ns/shop/sa/reviews", None),
        ("SPIFFE://cluster.local/ns/shop/sa/reviews", None),
        ("", None),
    ],
)
def test_parse(uri: str, identity: Identity | None) -> None:
    assert parse_identity(uri) == identity


def test_text_is_the_uri() -> None:
    assert str(REVIEWS) == URI


@pytest.mark.parametrize(
    ("user", "identity"),
    [
        ("system:serviceaccount:shop:reviews", REVIEWS),
        ("system:serviceaccount:shop", None),
        ("system:serviceaccount:shop:a/b", None),
        ("system:node:pocketmesh", None),
        ("admin", None),
    ],
)
def test_users(user: str, identity: Identity | None) -> None:
    assert user_identity(user, "cluster.local") == identity


@pytest.mark.parametrize(
    ("names", "identity"),
    [
        ((("URI", URI),), REVIEWS),
        ((("DNS", "x"), ("URI", URI)), REVIEWS),
        ((("URI", URI), ("URI", URI)), None),  # an SVID has exactly one
        ((("DNS", URI),), None),
        ((), None),
    ],
)
def test_certificates(names: tuple[tuple[str, str], ...], identity: Identity | None) -> None:
    assert peer_identity({"subjectAltName": names}) == identity
    assert peer_identity(None) is None
