"""Values of annotations."""

from __future__ import annotations

import pytest

from mesh.analysis.annotation_table import ANNOTATIONS


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("status.sidecar.istio.io/port", "15020", "-1"),
        ("sidecar.istio.io/inject", "True", "yes"),
        ("traffic.sidecar.istio.io/includeInboundPorts", "*", "a"),
        ("traffic.sidecar.istio.io/excludeInboundPorts", "1, 65535", "65536"),
        ("traffic.sidecar.istio.io/includeOutboundIPRanges", "10.0.0.0/8,1.1.1.1/32", "10.0.0.0/33"),
        ("sidecar.istio.io/interceptionMode", "TPROXY", "tproxy"),
        ("sidecar.istio.io/userVolume", "[]", "["),
    ],
)
def test_values(name: str, good: str, bad: str) -> None:
    assert ANNOTATIONS[name].problem(good) == ""
    assert ANNOTATIONS[name].problem(bad)
