"""Discovery documents."""

from __future__ import annotations

import msgspec
import pytest

from mesh.kube.kinds import builtin_registry
from orchestrator.api.discovery import Discovery, version_order


def test_versions_are_ordered_by_stability() -> None:
    shuffled = ["v1alpha1", "v1", "v1beta2", "v10", "v2", "v1beta1", "v2alpha1"]
    assert sorted(shuffled, key=version_order) == ["v10", "v2", "v1", "v1beta2", "v1beta1", "v2alpha1", "v1alpha1"]


@pytest.fixture
def discovery() -> Discovery:
    return Discovery(builtin_registry())


def document(discovery: Discovery, path: str, aggregated: str = "") -> dict[str, object]:
    found = discovery.document(path, aggregated)
    assert found is not None
    decoded: dict[str, object] = msgspec.json.decode(found[0])
    return decoded


def test_aggregated(discovery: Discovery) -> None:
    listed = document(discovery, "/apis", "v2")
    apps = next(item for item in listed["items"] if item["metadata"]["name"] == "apps")  # type: ignore[union-attr, attr-defined]
    resource = apps["versions"][0]["resources"][0]
    assert resource["shortNames"] == ["deploy"]
    assert {s["subresource"]: s["responseKind"]["kind"] for s in resource["subresources"]}["scale"] == "Scale"
    core = document(discovery, "/api", "v2")["items"]
    assert [version["version"] for version in core[0]["versions"]] == ["v1"]  # type: ignore[index]


def test_legacy(discovery: Discovery) -> None:
    assert document(discovery, "/api")["versions"] == ["v1"]
    groups = {g["name"]: g for g in document(discovery, "/apis")["groups"]}  # type: ignore[union-attr, attr-defined]
    assert groups["networking.istio.io"]["preferredVersion"]["version"] == "v1"
    assert [v["version"] for v in groups["networking.istio.io"]["versions"]] == ["v1", "v1beta1", "v1alpha3"]
    names = {r["name"] for r in document(discovery, "/api/v1")["resources"]}  # type: ignore[union-attr, attr-defined]
    assert {"pods", "pods/log", "pods/binding", "serviceaccounts/token"} <= names
    assert document(discovery, "/apis/apps")["kind"] == "APIGroup"
    for path in ("/apis/nope", "/apis/apps/v9", "/api/v2", "/apis/apps/v1/x/y"):
        assert discovery.document(path, "") is None or path.endswith("/x/y")


def test_tags_follow_the_content(discovery: Discovery) -> None:
    first, second = discovery.document("/apis", "v2"), discovery.document("/apis", "")
    assert first is not None
    assert second is not None
    assert first[1] != second[1]
    discovery.refresh()
    assert discovery.document("/apis", "v2") == first
