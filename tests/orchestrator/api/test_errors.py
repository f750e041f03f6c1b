"""Status failures word for word."""

from __future__ import annotations

import pytest

from mesh.kube.kinds import DEPLOYMENT, POD
from orchestrator.api import errors


def test_one_cause_and_several() -> None:
    one = errors.invalid_object(DEPLOYMENT, "web", [errors.invalid("spec.replicas", -1, "must be positive")])
    assert one.message == 'Deployment.apps "web" is invalid: spec.replicas: Invalid value: -1: must be positive'
    assert one.status["details"]["kind"] == "Deployment"
    two = errors.invalid_object(POD, "p", [errors.required("a"), errors.duplicate("b", "x")])
    assert two.message == 'Pod "p" is invalid: [a: Required value, b: Duplicate value: "x"]'
    assert [cause["reason"] for cause in two.status["details"]["causes"]] == [
        "FieldValueRequired",
        "FieldValueDuplicate",
    ]


@pytest.mark.parametrize(
    ("failure", "code", "reason"),
    [
        (errors.not_found(POD, "p"), 404, "NotFound"),
        (errors.already_exists(POD, "p"), 409, "AlreadyExists"),
        (errors.conflict(POD, "p"), 409, "Conflict"),
        (errors.expired("x"), 410, "Expired"),
        (errors.unauthorized(), 401, "Unauthorized"),
        (errors.not_allowed(), 405, "MethodNotAllowed"),
        (errors.unsupported_media_type("x"), 415, "UnsupportedMediaType"),
        (errors.internal("x"), 500, "InternalError"),
    ],
)
def test_codes_and_reasons(failure: errors.ApiError, code: int, reason: str) -> None:
    assert (failure.code, failure.reason) == (code, reason)
    assert list(failure.status)[:4] == ["kind", "apiVersion", "metadata", "status"]
    assert list(failure.status)[-1] == "code"


def test_success_has_the_uid() -> None:
    assert errors.success(DEPLOYMENT, "web", "1")["details"] == {
        "name": "web",
        "group": "apps",
        "kind": "deployments",
        "uid": "1",
    }
    assert 'supported values: "a", "b"' in errors.not_supported("f", "x", ("a", "b")).message
