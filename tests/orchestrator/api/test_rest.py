"""Options of requests, and the forms of answers."""

from __future__ import annotations

import pytest

from mesh.kube.errors import ApiError
from mesh.kube.http import HttpClient
from mesh.kube.kinds import CONFIG_MAP, POD
from orchestrator.api.rest import number
from tests.support.api_objects import config_map, pod

TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}
LIST = {"Accept": "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json"}
ONE = {"Accept": "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json"}


async def test_forms(http: HttpClient) -> None:
    await http.create(POD, pod("p"), "default")
    path = POD.path("default")
    table = await http.request("GET", path, headers=TABLE)
    assert table["kind"] == "Table"
    assert [c["name"] for c in table["columnDefinitions"]][:4] == ["Name", "Ready", "Status", "Restarts"]
    assert table["rows"][0]["cells"][:3] == ["p", "0/1", "Pending"]
    assert table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
    whole = await http.request("GET", path, {"includeObject": "Object"}, headers=TABLE)
    assert whole["rows"][0]["object"]["kind"] == "Pod"
    none = await http.request("GET", f"{path}/p", {"includeObject": "None"}, headers=TABLE)
    assert "object" not in none["rows"][0]
    assert (await http.request("GET", path, headers=LIST))["kind"] == "PartialObjectMetadataList"
    partial = await http.request("GET", f"{path}/p", headers=ONE)
    assert set(partial) == {"kind", "apiVersion", "metadata"}
    listed = await http.request("GET", path)
    assert listed["kind"] == "PodList"


async def test_pages_count_what_remains(http: HttpClient) -> None:
    for name in "abc":
        await http.create(CONFIG_MAP, config_map(name), "default")
    page = await http.request("GET", CONFIG_MAP.path("default"), {"limit": "1"})
    assert page["metadata"]["remainingItemCount"] == 3
    assert page["metadata"]["continue"]


@pytest.mark.parametrize("query", [{"dryRun": "Some"}, {"fieldValidation": "Often"}])
async def test_bad_options(http: HttpClient, query: dict[str, str]) -> None:
    with pytest.raises(ApiError) as failure:
        await http.request("POST", CONFIG_MAP.path("default"), query, body=config_map("c"))
    assert failure.value.code == 400


async def test_a_missing_content_type_is_json(http: HttpClient) -> None:
    made = await http.request("POST", CONFIG_MAP.path("default"), body=config_map("c"), content_type="")
    assert made["metadata"]["name"] == "c"


def test_numbers() -> None:
    assert number({"limit": "5"}, "limit") == 5
    assert number({}, "limit") is None
    for text in ("-1", "+1", "1_0", "x", "9" * 30):
        with pytest.raises(ApiError):
            number({"limit": text}, "limit")
