"""Volumes of a pod against the real API: contents, tokens, refreshing, and what is refused."""

from __future__ import annotations

import base64
import json
import stat
from pathlib import Path
from typing import Any

import pytest

from mesh.kube.kinds import CONFIG_MAP, POD
from mesh.kube.objects import Object
from orchestrator.kubelet.references import ReferenceFailure
from orchestrator.kubelet.volumes import PodVolumes
from orchestrator.layout import Layout


class Host:
    """All that volumes ask of a sandbox: whose ids are whose."""

    def host_id(self, inside: int) -> int | None:
        return None


@pytest.fixture
def place(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "home", tmp_path / "run")


async def made(cluster: Any, place: Layout, *volumes: dict[str, Any], mounts: Any = ()) -> PodVolumes:
    manifest = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", "namespace": "default"},
        "spec": {
            "automountServiceAccountToken": False,
            "containers": [{"name": "main", "image": "web", "volumeMounts": list(mounts)}],
            "volumes": list(volumes),
        },
    }
    pod: Object = await cluster.client.create(POD, manifest, "default")
    found = PodVolumes(cluster.client, place, pod)
    await found.prepare(Host())  # type: ignore[arg-type]
    return found


def paths(volumes: PodVolumes) -> dict[str, Path]:
    container = volumes.pod["spec"]["containers"][0]
    return {mount.mount_path: Path(mount.host_path) for mount in volumes.mounts(container, {})}


async def test_contents_follow_their_source(cluster: Any, place: Layout) -> None:
    conf = {"metadata": {"name": "conf"}, "data": {"a": "1"}}
    await cluster.client.create(CONFIG_MAP, conf, "default")
    mounts = [{"name": "v", "mountPath": "/etc/conf"}, {"name": "v", "mountPath": "/a", "subPath": "a"}]
    volumes = await made(cluster, place, {"name": "v", "configMap": {"name": "conf"}}, mounts=mounts)
    assert (paths(volumes)["/etc/conf"] / "a").read_text() == "1"
    assert paths(volumes)["/a"].read_text() == "1"
    await cluster.client.patch(CONFIG_MAP, "conf", {"data": {"a": "2"}}, "default")
    await volumes.refresh(Host())  # type: ignore[arg-type]
    assert (paths(volumes)["/etc/conf"] / "a").read_text() == "2"
    await cluster.client.delete(CONFIG_MAP, "conf", "default")
    await volumes.refresh(Host())  # type: ignore[arg-type]
    assert (paths(volumes)["/etc/conf"] / "a").read_text() == "2"  # what was there stays
    volumes.remove()
    assert not place.volumes(volumes.pod["metadata"]["uid"]).exists()


async def test_a_token_for_an_audience_bound_to_the_pod(cluster: Any, place: Layout) -> None:
    source = {"serviceAccountToken": {"path": "token", "audience": "istio-ca", "expirationSeconds": 3600}}
    volume = {"name": "v", "projected": {"sources": [source]}}
    volumes = await made(cluster, place, volume, mounts=[{"name": "v", "mountPath": "/var/run/secrets/tokens"}])
    file = paths(volumes)["/var/run/secrets/tokens"] / "token"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    token = file.read_text()
    payload = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert claims["aud"] == ["istio-ca"]
    assert claims["kubernetes.io"]["pod"]["uid"] == volumes.pod["metadata"]["uid"]
    await volumes.refresh(Host())  # type: ignore[arg-type]
    assert file.read_text() == token  # kept until most of its life is over


async def test_empty_directories(cluster: Any, place: Layout) -> None:
    disk, memory = {"name": "disk", "emptyDir": {}}, {"name": "memory", "emptyDir": {"medium": "Memory"}}
    mounts = [{"name": "disk", "mountPath": "/disk"}, {"name": "memory", "mountPath": "/memory"}]
    found = paths(await made(cluster, place, disk, memory, mounts=mounts))
    assert found["/disk"].is_relative_to(place.home)
    assert found["/memory"].is_relative_to(place.run)
    assert stat.S_IMODE(found["/disk"].stat().st_mode) == 0o777


async def test_files_are_read_only_and_directories_are_not(cluster: Any, place: Layout) -> None:
    await cluster.client.create(CONFIG_MAP, {"metadata": {"name": "conf"}, "data": {"a": "1"}}, "default")
    mounts = [
        {"name": "conf", "mountPath": "/conf"},
        {"name": "dir", "mountPath": "/dir"},
        {"name": "dir", "mountPath": "/ro", "readOnly": True},
    ]
    volumes = await made(
        cluster, place, {"name": "conf", "configMap": {"name": "conf"}}, {"name": "dir", "emptyDir": {}}, mounts=mounts
    )
    container = volumes.pod["spec"]["containers"][0]
    assert [mount.read_only for mount in volumes.mounts(container, {})] == [True, False, True]


async def test_host_paths(cluster: Any, place: Layout, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    shown = {"name": "v", "hostPath": {"path": str(tmp_path / "data"), "type": "Directory"}}
    fresh = {"name": "w", "hostPath": {"path": str(tmp_path / "new" / "dir"), "type": "DirectoryOrCreate"}}
    mounts = [{"name": "v", "mountPath": "/data"}, {"name": "w", "mountPath": "/new"}]
    found = paths(await made(cluster, place, shown, fresh, mounts=mounts))
    assert found == {"/data": tmp_path / "data", "/new": tmp_path / "new" / "dir"}
    assert found["/new"].is_dir()


@pytest.mark.parametrize(
    ("path", "kind", "message"),
    [
        ("home", "", "the mesh's own state"),
        ("home/orchestrator/pki", "", "the mesh's own state"),
        ("run", "", "the mesh's own state"),
        (".", "", "the mesh's own state"),
        ("missing", "", "does not exist"),
        ("file", "Directory", "not of type Directory"),
    ],
)
async def test_host_paths_that_are_refused(
    cluster: Any, place: Layout, tmp_path: Path, path: str, kind: str, message: str
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ReferenceFailure, match=message):
        await made(cluster, place, {"name": "v", "hostPath": {"path": str(tmp_path / path), "type": kind}})


async def test_a_kind_of_volume_that_there_is_not(cluster: Any, place: Layout) -> None:
    with pytest.raises(ReferenceFailure, match="persistentVolumeClaim is not supported"):
        await made(cluster, place, {"name": "v", "persistentVolumeClaim": {"claimName": "c"}})


async def test_a_sub_path_stays_inside(cluster: Any, place: Layout, tmp_path: Path) -> None:
    volumes = await made(cluster, place, {"name": "v", "emptyDir": {}})
    inside = volumes.mounts(
        {"volumeMounts": [{"name": "v", "mountPath": "/x", "subPathExpr": "$(POD)/y"}]}, {"POD": "p"}
    )
    assert inside[0].host_path.endswith("volumes/v/p/y")
    (Path(inside[0].host_path).parent.parent / "out").symlink_to(tmp_path)
    with pytest.raises(ReferenceFailure, match="leaves its volume"):
        volumes.mounts({"volumeMounts": [{"name": "v", "mountPath": "/x", "subPath": "out"}]}, {})
