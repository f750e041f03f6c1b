"""Every pod has an account and its token mounted."""

from __future__ import annotations

import pytest

from mesh.kube.errors import ApiError
from mesh.kube.kinds import POD, SERVICE_ACCOUNT
from mesh.kube.objects import Object
from orchestrator.api.local import LocalClient
from orchestrator.api.service_accounts import MOUNT_PATH
from tests.support.api_objects import pod


def mounts(made: Object) -> list[str]:
    return [m["mountPath"] for m in made["spec"]["containers"][0].get("volumeMounts", [])]


async def test_the_default_account(local: LocalClient) -> None:
    made = await local.create(POD, pod("p", initContainers=[{"name": "i", "image": "x"}]), "default")
    assert made["spec"]["serviceAccountName"] == "default"
    assert mounts(made) == [MOUNT_PATH]
    assert made["spec"]["initContainers"][0]["volumeMounts"][0]["mountPath"] == MOUNT_PATH
    (volume,) = made["spec"]["volumes"]
    assert volume["name"].startswith("kube-api-access-")
    sources = [next(iter(source)) for source in volume["projected"]["sources"]]
    assert sources == ["serviceAccountToken", "configMap", "downwardAPI"]


async def test_opting_out(local: LocalClient) -> None:
    made = await local.create(POD, pod("p", automountServiceAccountToken=False), "default")
    assert mounts(made) == []
    account = {"metadata": {"name": "shy"}, "automountServiceAccountToken": False}
    await local.create(SERVICE_ACCOUNT, account, "default")
    assert mounts(await local.create(POD, pod("q", serviceAccountName="shy"), "default")) == []
    asked = pod("r", serviceAccountName="shy", automountServiceAccountToken=True)
    assert mounts(await local.create(POD, asked, "default")) == [MOUNT_PATH]


async def test_an_unknown_account(local: LocalClient) -> None:
    with pytest.raises(ApiError) as failure:
        await local.create(POD, pod("p", serviceAccountName="ghost"), "default")
    assert failure.value.code == 403
    assert 'serviceaccount "ghost" not found' in failure.value.message


async def test_an_own_mount_stays(local: LocalClient) -> None:
    wanted = pod("p", volumes=[{"name": "mine", "emptyDir": {}}])
    wanted["spec"]["containers"][0]["volumeMounts"] = [{"name": "mine", "mountPath": MOUNT_PATH}]
    made = await local.create(POD, wanted, "default")
    assert [volume["name"] for volume in made["spec"]["volumes"]] == ["mine"]
