"""AdmissionReview v1: what the API server asks, what it is answered."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from mesh.kube.objects import Object

WARNINGS_MAX = 32
WARNING_CHARACTERS_MAX = 250
"""Kubernetes cuts what is longer than 256 bytes and drops what is over 4096 in total."""


@dataclass(frozen=True, slots=True)
class AdmissionRequest:
    """`obj` is None for DELETE."""

    uid: str
    operation: str
    namespace: str
    obj: Object | None


def read_review(value: Any) -> AdmissionRequest:
    """Raises ValueError for anything that is not an AdmissionReview with a request."""
    request = value.get("request") if isinstance(value, dict) else None
    if not isinstance(request, dict) or not isinstance(request.get("uid"), str):
        raise ValueError("an AdmissionReview with a request is expected")
    obj = request.get("object")
    return AdmissionRequest(
        uid=request["uid"],
        operation=str(request.get("operation") or ""),
        namespace=str(request.get("namespace") or ""),
        obj=obj if isinstance(obj, dict) else None,
    )


def allowed(
    request: AdmissionRequest, *, patch: list[dict[str, Any]] | None = None, warnings: Iterable[str] = ()
) -> Object:
    response: dict[str, Any] = {"uid": request.uid, "allowed": True}
    if patch:
        response["patchType"] = "JSONPatch"
        response["patch"] = base64.b64encode(json.dumps(patch).encode()).decode()
    told = [text[:WARNING_CHARACTERS_MAX] for text in warnings][:WARNINGS_MAX]
    if told:
        response["warnings"] = told
    return _review(response)


def denied(request: AdmissionRequest, causes: Iterable[tuple[str, str]]) -> Object:
    """`causes` as (field path, message)."""
    listed = list(causes)
    status = {
        "status": "Failure",
        "code": 422,
        "reason": "Invalid",
        "message": "; ".join(f"{path}: {message}" if path else message for path, message in listed),
        "details": {
            "causes": [{"reason": "FieldValueInvalid", "message": message, "field": path} for path, message in listed]
        },
    }
    return _review({"uid": request.uid, "allowed": False, "status": status})


def _review(response: dict[str, Any]) -> Object:
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}
