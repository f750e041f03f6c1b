"""Names and their short forms, wildcards, and what does not exist."""

from __future__ import annotations

import pytest

from sidecar.control.name_table import NameTable

TABLE = {
    "reviews.default.svc.cluster.local": {"ips": ["10.96.0.7"], "shortname": "reviews", "namespace": "default"},
    "redis.db.svc.cluster.local": {"ips": ["10.244.0.2", "10.244.0.3"], "shortname": "redis", "namespace": "db"},
    "empty.default.svc.cluster.local": {"ips": [], "shortname": "empty", "namespace": "default"},
    "*.wild.example": {"ips": ["240.240.0.1"]},
    "alias.default.svc.cluster.local": {"ips": [], "cname": "www.example.com."},
}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("reviews.default.svc.cluster.local", ("10.96.0.7",)),
        ("reviews", ("10.96.0.7",)),
        ("reviews.default", ("10.96.0.7",)),
        ("reviews.default.svc", ("10.96.0.7",)),
        ("redis", None),
        ("redis.db", ("10.244.0.2", "10.244.0.3")),
        ("empty.default.svc.cluster.local", ()),
        ("a.wild.example", ("240.240.0.1",)),
        ("a.b.wild.example", ("240.240.0.1",)),
        ("wild.example", None),
        ("example.com", None),
    ],
)
def test_lookup(name: str, expected: tuple[str, ...] | None) -> None:
    assert NameTable(TABLE, namespace="default").lookup(name) == expected


def test_alias_and_cluster_names() -> None:
    table = NameTable(TABLE, namespace="default")
    assert table.alias("alias.default.svc.cluster.local") == "www.example.com"
    assert table.alias("reviews") is None
    assert NameTable.is_cluster_name("x.y.svc.cluster.local")
    assert not NameTable.is_cluster_name("svc.cluster.local.example")


def test_a_bad_table_is_an_empty_one() -> None:
    assert len(NameTable({"a": 1, "b": []})) == 0
