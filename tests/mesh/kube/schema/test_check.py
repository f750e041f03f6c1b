"""Checking objects against the field table: paths of what is unknown, Go's words for what is wrong."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.kube.schema.check import check
from mesh.kube.schema.fields import message_of

DEPLOYMENT = message_of("apps/v1", "Deployment")
POD = message_of("v1", "Pod")
assert DEPLOYMENT is not None
assert POD is not None


@pytest.mark.parametrize(
    ("obj", "unknown"),
    [
        ({"spec": {"foo": 1}}, ["spec.foo"]),
        ({"bar": 1, "spec": {"replicas": 1}}, ["bar"]),
        (
            {"spec": {"template": {"spec": {"containers": [{"name": "a"}, {"imagee": "x"}]}}}},
            ["spec.template.spec.containers[1].imagee"],
        ),
        ({"metadata": {"labels": {"anything": "goes"}, "lables": {}}}, ["metadata.lables"]),
    ],
)
def test_unknown_fields_are_named_and_pruned(obj: dict[str, Any], unknown: list[str]) -> None:
    findings = check(obj, DEPLOYMENT)
    assert findings.unknown == unknown
    assert not findings.wrong
    assert check(obj, DEPLOYMENT).unknown == []


@pytest.mark.parametrize(
    ("obj", "reason"),
    [
        (
            {"spec": {"replicas": "3"}},
            "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32",
        ),
        (
            {"metadata": {"labels": {"a": 1}}},
            "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels.a of type map[string]string",
        ),
        (
            {"spec": {"paused": "no"}},
            "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.paused of type bool",
        ),
        (
            {"spec": {"template": {"spec": {"containers": {}}}}},
            "json: cannot unmarshal object into Go struct field PodSpec.spec.template.spec.containers of type "
            "[]v1.Container",
        ),
    ],
)
def test_wrong_types(obj: dict[str, Any], reason: str) -> None:
    assert [wrong.reason for wrong in check(obj, DEPLOYMENT).wrong] == [reason]


def test_nulls_go_and_quantities_become_text() -> None:
    pod = {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {"creationTimestamp": None},
        "spec": {
            "containers": [{"resources": {"limits": {"cpu": 1, "memory": "1Gi"}}, "ports": [{"containerPort": 80}]}]
        },
    }
    assert not check(pod, POD).wrong
    assert pod["metadata"] == {}
    assert pod["spec"]["containers"][0]["resources"]["limits"] == {"cpu": "1", "memory": "1Gi"}  # type: ignore[index]
    assert list(pod)[:2] == ["kind", "apiVersion"]


@pytest.mark.parametrize("value", [2**31, True, 1.5, "1", []])
def test_numbers_that_do_not_fit(value: object) -> None:
    assert check({"spec": {"replicas": value}}, DEPLOYMENT).wrong


def test_int_or_string() -> None:
    for good in (80, "http"):
        assert not check({"spec": {"containers": [{"livenessProbe": {"httpGet": {"port": good}}}]}}, POD).wrong
    assert check({"spec": {"containers": [{"livenessProbe": {"httpGet": {"port": 1.5}}}]}}, POD).wrong


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["spec", "metadata", "containers", "env", "volumes", "x"]), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from(["spec", "metadata", "status"]), JSON))
def test_any_json_is_judged(obj: dict[str, Any]) -> None:
    findings = check(obj, POD)
    if not findings.wrong:
        again = check(obj, POD)
        assert not again.unknown
        assert not again.wrong
