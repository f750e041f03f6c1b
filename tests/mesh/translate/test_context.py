"""Viewpoints: what is shared between proxies, and which cluster a destination means."""

from __future__ import annotations

import pytest

from mesh.istio.virtual_service import Destination
from mesh.translate.context import Viewpoint, cluster_for, selecting_keys
from tests.support.compiled import REVIEWS, state, view

BY_LABELS = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: details}
spec:
  hosts: [details]
  http:
  - match: [{sourceLabels: {app: reviews}}]
    route: [{destination: {host: details}}]
"""


def test_labels_matter_only_where_a_rule_asks_for_them() -> None:
    for extra, expected in (("", {}), (BY_LABELS, {"app": "reviews"})):
        mesh = state(extra)
        assert selecting_keys(mesh) == expected.keys()
        assert Viewpoint.of(mesh, mesh.workloads[("default", "reviews-v1-a")]).labels == expected


@pytest.mark.parametrize(
    ("destination", "expected"),
    [
        (Destination(REVIEWS, "v1"), f"outbound|9080|v1|{REVIEWS}"),
        (Destination(REVIEWS, "", 80), f"outbound|80||{REVIEWS}"),
        (Destination("unknown.com"), "outbound|1234||unknown.com"),
    ],
)
def test_cluster_for(destination: Destination, expected: str) -> None:
    assert cluster_for(view(), destination, 1234) == expected


def test_results_are_made_once_for_all_that_look_the_same() -> None:
    mesh = state()
    made: list[int] = []

    def make() -> int:
        made.append(1)
        return len(made)

    assert view(mesh).memoised("k", 1, make) == view(mesh).memoised("k", 1, make) == 1
    assert view(mesh, "other").memoised("k", 1, make) == 2
