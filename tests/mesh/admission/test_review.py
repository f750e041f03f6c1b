"""AdmissionReview in and out."""

from __future__ import annotations

import base64
import json

import pytest

from mesh.admission.review import WARNINGS_MAX, AdmissionRequest, allowed, denied, read_review

REQUEST = AdmissionRequest("u1", "CREATE", "shop", {"kind": "Pod"})


def test_read() -> None:
    body = {"request": {"uid": "u1", "operation": "CREATE", "namespace": "shop", "object": {"kind": "Pod"}}}
    assert read_review(body) == REQUEST
    assert read_review({"request": {"uid": "u1", "operation": "DELETE", "object": None}}).obj is None


@pytest.mark.parametrize("body", [None, [], {}, {"request": None}, {"request": {"uid": 1}}])
def test_read_refuses(body: object) -> None:
    with pytest.raises(ValueError, match="AdmissionReview"):
        read_review(body)


def test_allowed_with_patch_and_warnings() -> None:
    patch = [{"op": "add", "path": "/a", "value": 1}]
    response = allowed(REQUEST, patch=patch, warnings=["careful"])["response"]
    assert json.loads(base64.b64decode(response.pop("patch"))) == patch
    assert response == {"uid": "u1", "allowed": True, "patchType": "JSONPatch", "warnings": ["careful"]}


def test_warnings_are_bounded() -> None:
    response = allowed(REQUEST, warnings=["x" * 1000] * 1000)["response"]
    assert len(response["warnings"]) == WARNINGS_MAX
    assert {len(text) for text in response["warnings"]} == {250}


def test_denied_names_every_field() -> None:
    response = denied(REQUEST, [("spec.http[0].route", "weights are all 0"), ("", "general")])["response"]
    assert not response["allowed"]
    assert response["status"]["code"] == 422
    assert response["status"]["message"] == "spec.http[0].route: weights are all 0; general"
    assert [cause["field"] for cause in response["status"]["details"]["causes"]] == ["spec.http[0].route", ""]
