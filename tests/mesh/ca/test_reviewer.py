"""TokenReview against a real API server."""

from __future__ import annotations

from typing import Any

import pytest

from mesh.ca.reviewer import TokenReviewer, bearer

pytestmark = pytest.mark.integration

Cluster = Any
"""In conftest.py, which cannot be imported."""


async def test_whose_token(cluster: Cluster) -> None:
    pod = await cluster.pod("a")
    reviewer = TokenReviewer(cluster.admin)
    token = await cluster.token("default", "default", "istio-ca", pod=pod)
    reviewed = await reviewer.review(token, audience="istio-ca")
    assert reviewed is not None
    assert reviewed.username == "system:serviceaccount:default:default"
    assert (reviewed.pod_name, reviewed.pod_uid) == ("a", pod["metadata"]["uid"])
    assert await reviewer.review(token, audience="istiod") is None
    unbound = await reviewer.review(await cluster.token("default", "default", "istio-ca"), audience="istio-ca")
    assert unbound is not None
    assert unbound.pod_uid == ""


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "y" * 100_000])
async def test_no_token(cluster: Cluster, token: str) -> None:
    assert await TokenReviewer(cluster.admin).review(token, audience="istio-ca") is None


@pytest.mark.parametrize(
    ("header", "token"), [("Bearer abc", "abc"), ("Bearer  abc ", "abc"), ("Basic abc", ""), ("", ""), ("bearer x", "")]
)
def test_header(header: str, token: str) -> None:
    assert bearer(header) == token
