"""What the validating webhook answers."""

from __future__ import annotations

from typing import Any

import pytest

from mesh.admission.review import AdmissionRequest
from mesh.admission.validate import ValidateHandler

HANDLER = ValidateHandler(None)


def virtual_service(spec: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "reviews", "namespace": "shop"},
        "spec": spec,
    }


def review(obj: dict[str, Any] | None, operation: str = "CREATE") -> dict[str, Any]:
    answer = HANDLER.review(AdmissionRequest("u", operation, "shop", obj))
    response: dict[str, Any] = answer["response"]
    return response


GOOD = {"hosts": ["reviews"], "http": [{"route": [{"destination": {"host": "reviews"}}]}]}
BAD = {
    "hosts": ["reviews"],
    "http": [
        {
            "route": [
                {"destination": {"host": "a"}, "weight": 0},
                {"destination": {"host": "b"}, "weight": 0},
            ]
        }
    ],
}


def test_a_good_one_is_allowed() -> None:
    assert review(virtual_service(GOOD))["allowed"]


def test_a_bad_one_is_denied_with_its_path() -> None:
    response = review(virtual_service(BAD))
    assert not response["allowed"]
    assert "spec.http[0]" in response["status"]["message"]
    assert response["status"]["code"] == 422


@pytest.mark.parametrize(("obj", "operation"), [(None, "DELETE"), (virtual_service(BAD), "DELETE"), (None, "CREATE")])
def test_deleting_is_always_allowed(obj: dict[str, Any] | None, operation: str) -> None:
    assert review(obj, operation)["allowed"]
