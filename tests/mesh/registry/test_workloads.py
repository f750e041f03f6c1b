"""Pods as workloads."""

from __future__ import annotations

from mesh.registry.workloads import workload, workloads
from tests.support.bookinfo import gateway_pod, pod


def test_an_injected_pod() -> None:
    found = workload(pod("reviews-v1-a", "reviews", "10.244.0.21"))
    assert (found.kind, found.injected, found.ready) == ("sidecar", True, True)
    assert found.sandbox == "/run/pm/pods/10.244.0.21"
    assert found.service_account == "bookinfo-reviews"
    assert found.key == ("default", "reviews-v1-a")


def test_a_pod_without_a_proxy() -> None:
    assert not workload(pod("legacy", "legacy", "10.244.0.30", injected=False)).injected


def test_a_router() -> None:
    found = workload(gateway_pod())
    assert (found.kind, found.injected, found.host_network) == ("router", True, True)


def test_an_image_of_a_similar_name_is_no_proxy() -> None:
    one = pod("a", "a", "10.244.0.9")
    one["spec"]["initContainers"][0]["image"] = "example.com/notpocketmesh/proxyv2-like:1"
    assert not workload(one).injected


def test_the_deployment_is_the_replica_set_without_its_hash() -> None:
    one = pod("reviews-v1-abc-1", "reviews", "10.244.0.21", labels={"pod-template-hash": "abc"})
    one["metadata"]["ownerReferences"] = [{"kind": "ReplicaSet", "name": "reviews-v1-abc", "controller": True}]
    assert workload(one).workload == "reviews-v1"


def test_ended_pods_and_pods_without_address_are_left_out() -> None:
    ended, pending = pod("a", "a", "10.244.0.1"), pod("b", "b", "")
    ended["status"]["phase"] = "Succeeded"
    assert workloads([ended, pending]) == {}


def test_locality_comes_from_the_node() -> None:
    one = pod("a", "a", "10.244.0.1")
    one["spec"]["nodeName"] = "n1"
    labels = {"topology.kubernetes.io/region": "r", "topology.kubernetes.io/zone": "z"}
    (found,) = workloads([one], [{"metadata": {"name": "n1", "labels": labels}}]).values()
    assert found.locality == "r/z"
