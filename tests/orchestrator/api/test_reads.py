"""Lists: selectors, pages, revisions."""

from __future__ import annotations

import pytest

from mesh.kube.client import Client
from mesh.kube.errors import ApiError
from mesh.kube.http import HttpClient
from mesh.kube.kinds import CONFIG_MAP, POD
from mesh.kube.objects import name_of
from orchestrator.api.reads import parse_revision
from tests.support.api_objects import config_map, pod


async def test_selectors(client: Client) -> None:
    for name in ("a", "b", "c"):
        await client.create(POD, pod(name), "default")
    await client.patch(POD, "b", {"status": {"phase": "Running"}}, "default", subresource="status")

    async def names(labels: str = "", fields: str = "") -> list[str]:
        return [name_of(o) for o in (await client.list(POD, label_selector=labels, field_selector=fields)).items]

    assert await names() == ["a", "b", "c"]
    assert await names("app in (a,c)") == ["a", "c"]
    assert await names(fields="status.phase=Running") == ["b"]
    assert await names("app=b", "metadata.name=b") == ["b"]
    assert await names("app=a", "metadata.name=b") == []
    for labels, fields in (("a in", ""), ("", "spec.unknown=x")):
        with pytest.raises(ApiError) as failure:
            await names(labels, fields)
        assert failure.value.code == 400
    assert "field label not supported: spec.unknown" in failure.value.message


async def test_pages_are_one_snapshot(client: Client) -> None:
    for number in range(10):
        await client.create(CONFIG_MAP, config_map(f"c{number}", n=str(number)), "kube-public")
    page = await client.list(CONFIG_MAP, "kube-public", limit=4)
    await client.delete(CONFIG_MAP, "c9", "kube-public")
    await client.patch(CONFIG_MAP, "c8", {"data": {"n": "new"}}, "kube-public")
    seen, revision = list(page.items), page.resource_version
    while page.continue_token:
        page = await client.list(CONFIG_MAP, "kube-public", limit=4, continue_token=page.continue_token)
        assert page.resource_version == revision
        seen += page.items
    names = [name_of(obj) for obj in seen]
    assert names == [*(f"c{number}" for number in range(10)), "kube-root-ca.crt"]
    assert seen[8]["data"] == {"n": "8"}


async def test_pages_with_a_selector(client: Client) -> None:
    for number in range(6):
        made = config_map(f"c{number}")
        made["metadata"]["labels"] = {"odd": str(number % 2)}
        await client.create(CONFIG_MAP, made, "default")
    page = await client.list(CONFIG_MAP, "default", label_selector="odd=1", limit=2)
    assert [name_of(obj) for obj in page.items] == ["c1", "c3"]
    page = await client.list(CONFIG_MAP, "default", label_selector="odd=1", limit=2, continue_token=page.continue_token)
    assert [name_of(obj) for obj in page.items] == ["c5"]
    assert not page.continue_token


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"continue": "nonsense"}, 400),
        ({"resourceVersion": "x"}, 400),
        ({"resourceVersion": "999999"}, 504),
        ({"limit": "-1"}, 400),
    ],
)
async def test_refused(http: HttpClient, query: dict[str, str], code: int) -> None:
    with pytest.raises(ApiError) as failure:
        await http.request("GET", "/api/v1/pods", query)
    assert failure.value.code == code


async def test_an_exact_revision(http: HttpClient) -> None:
    created = await http.create(CONFIG_MAP, config_map("c", a="1"), "default")
    await http.patch(CONFIG_MAP, "c", {"data": {"a": "2"}}, "default")
    query = {"resourceVersion": created["metadata"]["resourceVersion"], "resourceVersionMatch": "Exact"}
    listed = await http.request("GET", "/api/v1/namespaces/default/configmaps", query)
    assert listed["items"][0]["data"] == {"a": "1"}


def test_revisions_are_plain_digits() -> None:
    assert parse_revision("12") == 12
    for text in ("", "+1", "1_0", " 1", "\uff11", "9" * 19):
        with pytest.raises(ApiError):
            parse_revision(text)
