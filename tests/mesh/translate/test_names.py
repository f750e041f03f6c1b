"""Names as Istio writes them."""

from __future__ import annotations

import pytest

from mesh.translate import names


def test_names() -> None:
    host = "reviews.default.svc.cluster.local"
    assert names.outbound(9080, host, "v1") == f"outbound|9080|v1|{host}"
    assert names.inbound(9080) == "inbound|9080||"
    assert names.sni(9080, host, "v1") == f"outbound_.9080_.v1_.{host}"
    assert names.domain(host, 9080) == f"{host}:9080"
    assert names.listener("0.0.0.0", 9080) == "0.0.0.0_9080"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("outbound|80|v1|a.b", names.ClusterName("outbound", 80, "v1", "a.b")),
        ("inbound|80||", names.ClusterName("inbound", 80, "", "")),
        ("PassthroughCluster", None),
        ("outbound|x||a", None),
    ],
)
def test_parse(name: str, expected: names.ClusterName | None) -> None:
    assert names.ClusterName.parse(name) == expected
