"""Where a rule came from."""

from __future__ import annotations

from mesh.istio.meta import meta_of, origin

OBJECT = {
    "apiVersion": "networking.istio.io/v1beta1",
    "kind": "VirtualService",
    "metadata": {"name": "reviews", "namespace": "shop", "annotations": {"pocketmesh.io/source": "a b/c.yaml:12"}},
}


def test_origin_names_object_rule_file_and_line() -> None:
    assert origin(meta_of(OBJECT), 2)["filter_metadata"]["istio"] == {
        "config": "/apis/networking.istio.io/v1/namespaces/shop/virtual-service/reviews",
        "rule": 2,
        "file": "a b/c.yaml",
        "line": 12,
    }


def test_without_the_annotation_there_is_no_file() -> None:
    plain = {**OBJECT, "metadata": {"name": "reviews"}}
    assert origin(meta_of(plain))["filter_metadata"]["istio"] == {
        "config": "/apis/networking.istio.io/v1/namespaces/default/virtual-service/reviews"
    }


def test_age_orders_by_time_then_name() -> None:
    old = meta_of({"metadata": {"name": "z", "creationTimestamp": "2026-01-01T00:00:00Z"}})
    new = meta_of({"metadata": {"name": "a", "creationTimestamp": "2026-01-02T00:00:00Z"}})
    assert sorted([new, old], key=lambda one: one.age) == [old, new]
