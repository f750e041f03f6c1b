"""Goal: server-side apply over HTTP: ownership, conflicts, force, pruning, Status bodies. Method: a real server."""

from __future__ import annotations

from typing import Any

import pytest

from mesh.kube.errors import ApiError
from mesh.kube.http import HttpClient
from mesh.kube.objects import Object
from tests.support.api_objects import deployment

pytestmark = pytest.mark.integration

APPLY = "application/apply-patch+yaml"
BASE = "/apis/apps/v1/namespaces/default/deployments"


def body(**spec: Any) -> Object:
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}


def whole(**spec: Any) -> Object:
    made = deployment("web")
    return {**body(**{**made["spec"], **spec}), "metadata": {"name": "web", "labels": {"a": "1"}}}


async def send(http: HttpClient, obj: Any, manager: str = "one", *, path: str = f"{BASE}/web", **query: str) -> Object:
    return await http.request("PATCH", path, {"fieldManager": manager, **query}, body=obj, content_type=APPLY)


def managers(obj: Object) -> dict[tuple[str, str], Any]:
    return {(e["manager"], e["operation"]): e["fieldsV1"] for e in obj["metadata"]["managedFields"]}


async def test_created_then_unchanged_then_pruned(http: HttpClient) -> None:
    made = await send(http, whole(replicas=3, minReadySeconds=5))
    assert made["spec"]["replicas"] == 3
    owned = managers(made)["one", "Apply"]
    assert owned["f:spec"]["f:replicas"] == {} and "f:strategy" not in owned["f:spec"]
    again = await send(http, whole(replicas=3, minReadySeconds=5))
    assert again == made
    less = await send(http, whole(replicas=3))
    assert less["spec"].get("minReadySeconds", 0) == 0 and less["metadata"]["generation"] == 2


async def test_a_conflict_says_who_and_where(http: HttpClient) -> None:
    await http.request("POST", BASE, {"fieldManager": "creator"}, body=whole(replicas=3))
    await send(http, whole(replicas=3))  # the same values are shared
    with pytest.raises(ApiError) as caught:
        await send(http, whole(replicas=4, minReadySeconds=1))
    assert caught.value.code == 409
    assert caught.value.status == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'Apply failed with 1 conflict: conflict with "creator" using apps/v1: .spec.replicas',
        "reason": "Conflict",
        "details": {
            "causes": [
                {
                    "reason": "FieldManagerConflict",
                    "message": 'conflict with "creator" using apps/v1',
                    "field": ".spec.replicas",
                }
            ]
        },
        "code": 409,
    }
    forced = await send(http, whole(replicas=4), force="true")
    assert forced["spec"]["replicas"] == 4
    assert "f:replicas" not in managers(forced)["creator", "Update"]["f:spec"]


async def test_an_update_takes_over_and_the_applier_hears_of_it(http: HttpClient) -> None:
    await send(http, whole(replicas=1))
    scaled = {"spec": {"replicas": 2}}
    await http.request(
        "PATCH", f"{BASE}/web", {"fieldManager": "edit"}, body=scaled, content_type="application/merge-patch+json"
    )
    with pytest.raises(ApiError, match=r'conflict with "edit" using apps/v1: \.spec\.replicas'):
        await send(http, whole(replicas=1))


async def test_status_is_applied_by_itself(http: HttpClient) -> None:
    await send(http, whole())
    status = {**body(replicas=9), "status": {"replicas": 1, "conditions": [{"type": "A", "status": "True"}]}}
    made = await send(http, status, "ctl", path=f"{BASE}/web/status")
    assert made["spec"]["replicas"] == 1 and made["status"]["replicas"] == 1
    (entry,) = (e for e in made["metadata"]["managedFields"] if e["manager"] == "ctl")
    assert entry["subresource"] == "status" and entry["fieldsV1"].keys() == {"f:status"}


async def test_dry_run_stores_nothing(http: HttpClient) -> None:
    assert (await send(http, whole(), dryRun="All"))["spec"]["replicas"] == 1
    with pytest.raises(ApiError) as caught:
        await http.request("GET", f"{BASE}/web")
    assert caught.value.not_found


REFUSED: list[tuple[dict[str, str], Any, int, str]] = [
    ({"fieldManager": ""}, body(), 422, "fieldManager: Required value: is required for apply patch"),
    ({"fieldManager": "x" * 129}, body(), 422, "fieldManager: Invalid value"),
    ({}, {**body(), "metadata": {"managedFields": [{}]}}, 400, "metadata.managedFields must be nil"),
    ({}, [], 400, "is an object"),
    ({}, {**body(), "kind": "Pod"}, 400, "does not match the expected kind"),
    ({"fieldValidation": "Strict"}, body(foo=1), 400, 'unknown field "spec.foo"'),
]


@pytest.mark.parametrize(("query", "obj", "code", "message"), REFUSED)
async def test_refusals(http: HttpClient, query: dict[str, str], obj: Any, code: int, message: str) -> None:
    with pytest.raises(ApiError) as caught:
        await http.request(
            "PATCH", f"{BASE}/web", {"fieldManager": "one", **query}, body=obj, content_type=APPLY
        )  # fmt: skip
    assert caught.value.code == code and message in caught.value.message


async def test_managed_fields_can_be_forgotten_by_a_client(http: HttpClient) -> None:
    made = await send(http, whole())
    made["metadata"]["managedFields"] = []
    cleared = await http.request("PUT", f"{BASE}/web", {"fieldManager": "put"}, body=made)
    assert "managedFields" not in cleared["metadata"]
    with pytest.raises(ApiError, match="before-first-apply"):
        await send(http, whole(replicas=7), "two")
