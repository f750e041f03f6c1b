"""The verbs, in process and over HTTPS: create, read, update, patch and every way they are refused."""

from __future__ import annotations

from typing import Any

import pytest

from mesh.kube.client import Client
from mesh.kube.errors import ApiError
from mesh.kube.kinds import CONFIG_MAP, DEPLOYMENT, LEASE, NAMESPACE, NODE, POD, VIRTUAL_SERVICE, builtin_registry
from tests.support.api_objects import config_map, deployment, pod


async def refused(call: Any) -> ApiError:
    with pytest.raises(ApiError) as failure:
        await call
    return failure.value


async def test_create_fills_in_and_get_reads_back(client: Client) -> None:
    created = await client.create(DEPLOYMENT, deployment("web"), "default")
    meta = created["metadata"]
    assert meta["uid"]
    assert meta["generation"] == 1
    assert meta["namespace"] == "default"
    assert created["spec"]["replicas"] == 1
    assert created["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] == "Always"
    assert await client.get(DEPLOYMENT, "web", "default") == created


async def test_names_are_taken_once(client: Client) -> None:
    await client.create(CONFIG_MAP, config_map("c"), "default")
    failure = await refused(client.create(CONFIG_MAP, config_map("c"), "default"))
    assert (failure.code, failure.reason) == (409, "AlreadyExists")
    assert failure.message == 'configmaps "c" already exists'


async def test_generated_names(client: Client) -> None:
    wanted = config_map("")
    wanted["metadata"] = {"generateName": "c-"}
    names = {(await client.create(CONFIG_MAP, wanted, "default"))["metadata"]["name"] for _ in range(20)}
    assert len(names) == 20
    assert all(name.startswith("c-") and len(name) == 7 for name in names)


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"metadata": {"name": "Bad_Name"}}, 422, "metadata.name: Invalid value"),
        ({"metadata": {}}, 422, "metadata.name: Required value: name or generateName is required"),
        ({"metadata": {"name": "x", "namespace": "other"}}, 400, "does not match the namespace"),
        ({"kind": "Pod"}, 400, "does not match the expected kind"),
        ({"apiVersion": "v2"}, 400, "does not match the expected API version"),
        ({"data": {"a": 1}}, 400, "cannot unmarshal number into Go struct field"),
        ({"data": {"a/b": "1"}}, 422, "data[a/b]"),
        ({"metadata": {"name": "x", "labels": {"a": "b c"}}}, 422, "metadata.labels: Invalid value"),
    ],
)
async def test_bad_objects(client: Client, change: dict[str, Any], code: int, words: str) -> None:
    failure = await refused(client.create(CONFIG_MAP, {**config_map("x"), **change}, "default"))
    assert failure.code == code
    assert words in failure.message


async def test_a_namespace_has_to_exist(client: Client) -> None:
    failure = await refused(client.create(CONFIG_MAP, config_map("x"), "nowhere"))
    assert (failure.code, failure.message) == (404, 'namespaces "nowhere" not found')


async def test_strict_fields(client: Client) -> None:
    wrong = deployment("web", foo=1)
    failure = await refused(client.create(DEPLOYMENT, wrong, "default", field_validation="Strict"))
    assert failure.code == 400
    assert failure.message.endswith('strict decoding error: unknown field "spec.foo"')
    assert "foo" not in (await client.create(DEPLOYMENT, wrong, "default"))["spec"]


async def test_every_cause_is_told(client: Client) -> None:
    wrong = deployment("web", replicas=-1)
    wrong["spec"]["template"]["spec"]["containers"][0].pop("image")
    failure = await refused(client.create(DEPLOYMENT, wrong, "default"))
    assert failure.code == 422
    assert [cause["field"] for cause in failure.status["details"]["causes"]] == [
        "spec.replicas",
        "spec.template.spec.containers[0].image",
    ]


async def test_update_is_compare_and_set(client: Client) -> None:
    created = await client.create(CONFIG_MAP, config_map("c", a="1"), "default")
    created["data"]["a"] = "2"
    updated = await client.update(CONFIG_MAP, created)
    failure = await refused(client.update(CONFIG_MAP, created))
    assert failure.conflict
    assert "the object has been modified" in failure.message
    del created["metadata"]["resourceVersion"]
    created["data"]["a"] = "3"
    assert (await client.update(CONFIG_MAP, created))["data"] == {"a": "3"}
    assert updated["metadata"]["uid"] == created["metadata"]["uid"]


async def test_what_changes_nothing_is_not_written(client: Client) -> None:
    created = await client.create(DEPLOYMENT, deployment("web"), "default")
    assert await client.update(DEPLOYMENT, created) == created
    patched = await client.patch(DEPLOYMENT, "web", {"spec": {"replicas": 1}}, "default")
    assert patched["metadata"]["resourceVersion"] == created["metadata"]["resourceVersion"]


async def test_generation_follows_the_spec_only(client: Client) -> None:
    await client.create(DEPLOYMENT, deployment("web"), "default")
    labelled = await client.patch(DEPLOYMENT, "web", {"metadata": {"labels": {"a": "b"}}}, "default")
    assert labelled["metadata"]["generation"] == 1
    scaled = await client.patch(DEPLOYMENT, "web", {"spec": {"replicas": 4}}, "default")
    assert scaled["metadata"]["generation"] == 2
    status = await client.patch(DEPLOYMENT, "web", {"status": {"replicas": 4}}, "default", subresource="status")
    assert status["metadata"]["generation"] == 2
    assert status["status"] == {"replicas": 4}


async def test_status_and_spec_are_apart(client: Client) -> None:
    created = await client.create(POD, {**pod("p"), "status": {"phase": "Running"}}, "default")
    assert created["status"]["phase"] == "Pending"
    both = {"status": {"phase": "Running"}, "spec": {"activeDeadlineSeconds": 5}}
    main = await client.patch(POD, "p", both, "default")
    assert (main["status"]["phase"], main["spec"]["activeDeadlineSeconds"]) == ("Pending", 5)
    both["spec"]["activeDeadlineSeconds"] = 9
    both["metadata"] = {"annotations": {"node/told": "yes"}}
    status = await client.patch(POD, "p", both, "default", subresource="status")
    assert (status["status"]["phase"], status["spec"]["activeDeadlineSeconds"]) == ("Running", 5)
    assert status["metadata"]["annotations"] == {"node/told": "yes"}


async def test_immutable_fields(client: Client) -> None:
    await client.create(DEPLOYMENT, deployment("web"), "default")
    selector = {"spec": {"selector": {"matchLabels": {"app": "web", "more": "x"}}}}
    selector["spec"]["template"] = {"metadata": {"labels": {"app": "web", "more": "x"}}}
    failure = await refused(client.patch(DEPLOYMENT, "web", selector, "default"))
    assert failure.code == 422
    assert "field is immutable" in failure.message
    await client.create(POD, pod("p"), "default")
    failure = await refused(client.patch(POD, "p", {"spec": {"hostname": "h"}}, "default"))
    assert "pod updates may not change fields other than" in failure.message
    image = {"spec": {"containers": [{"name": "main", "image": "other"}]}}
    patched = await client.patch(POD, "p", image, "default", patch_type="strategic")
    assert patched["spec"]["containers"][0]["image"] == "other"


async def test_patches_of_three_types(client: Client) -> None:
    await client.create(CONFIG_MAP, config_map("c", a="1"), "default")
    operations = [{"op": "test", "path": "/data/a", "value": "1"}, {"op": "add", "path": "/data/b", "value": "2"}]
    assert (await client.patch(CONFIG_MAP, "c", operations, "default", patch_type="json"))["data"]["b"] == "2"
    failure = await refused(
        client.patch(CONFIG_MAP, "c", [{"op": "test", "path": "/data/a", "value": "x"}], "default", patch_type="json")
    )
    assert failure.code == 422
    failure = await refused(client.patch(CONFIG_MAP, "c", {"data": {}}, "default", patch_type="apply"))
    assert failure.code == 422
    failure = await refused(client.patch(VIRTUAL_SERVICE, "v", {}, "default", patch_type="strategic"))
    assert failure.code == 415


async def test_a_conditional_patch(client: Client) -> None:
    created = await client.create(CONFIG_MAP, config_map("c", a="1"), "default")
    old = created["metadata"]["resourceVersion"]
    await client.patch(CONFIG_MAP, "c", {"data": {"a": "2"}}, "default")
    patch = {"metadata": {"resourceVersion": old}, "data": {"a": "3"}}
    assert (await refused(client.patch(CONFIG_MAP, "c", patch, "default"))).conflict


async def test_dry_run_stores_nothing(client: Client) -> None:
    shown = await client.create(CONFIG_MAP, config_map("c"), "default", dry_run=True)
    assert shown["metadata"]["uid"]
    assert (await refused(client.get(CONFIG_MAP, "c", "default"))).not_found
    await client.create(CONFIG_MAP, config_map("c", a="1"), "default")
    assert (await client.patch(CONFIG_MAP, "c", {"data": {"a": "2"}}, "default", dry_run=True))["data"]["a"] == "2"
    assert (await client.get(CONFIG_MAP, "c", "default"))["data"]["a"] == "1"


async def test_versions_of_istio_are_one_storage(client: Client) -> None:
    registry = builtin_registry()
    old = registry.gvk("networking.istio.io/v1alpha3", "VirtualService")
    assert old is not None
    rule = {
        "apiVersion": "networking.istio.io/v1alpha3",
        "kind": "VirtualService",
        "metadata": {"name": "v"},
        "spec": {"hosts": ["reviews"], "http": [{"route": [{"destination": {"host": "reviews"}}]}]},
    }
    await client.create(old, rule, "default")
    found = await client.get(VIRTUAL_SERVICE, "v", "default")
    assert found["apiVersion"] == "networking.istio.io/v1"
    listed = await client.list(old)
    assert [item["apiVersion"] for item in listed.items] == ["networking.istio.io/v1alpha3"]
    patched = await client.patch(VIRTUAL_SERVICE, "v", {"spec": {"hosts": ["x"]}}, "default")
    assert patched["spec"]["hosts"] == ["x"]
    wrong = {"spec": {"hosts": "x"}}
    failure = await refused(client.patch(VIRTUAL_SERVICE, "v", wrong, "default"))
    assert failure.code == 422
    assert 'spec.hosts in body must be of type array: "string"' in failure.message


async def test_leases_are_created_by_put_and_nodes_keep_their_status(client: Client) -> None:
    lease = {"metadata": {"name": "n", "namespace": "kube-node-lease"}, "spec": {"holderIdentity": "n"}}
    assert (await client.update(LEASE, lease))["metadata"]["uid"]
    node = {"metadata": {"name": "n"}, "status": {"capacity": {"cpu": "2"}}}
    created = await client.create(NODE, node)
    assert created["status"]["allocatable"] == {"cpu": "2"}
    namespace = await client.create(NAMESPACE, {"metadata": {"name": "team"}})
    assert namespace["metadata"]["labels"] == {"kubernetes.io/metadata.name": "team"}
    assert namespace["status"] == {"phase": "Active"}
