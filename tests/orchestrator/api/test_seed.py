"""What is there from the start."""

from __future__ import annotations

from pathlib import Path

from mesh.kube.errors import ApiError
from mesh.kube.kinds import CONFIG_MAP, ENDPOINT_SLICE, NAMESPACE, SERVICE, SERVICE_ACCOUNT
from mesh.kube.objects import name_of
from orchestrator.api.local import LocalClient
from orchestrator.api.options import ApiOptions
from orchestrator.api.server import ApiServer
from orchestrator.store.sqlite import SqliteStore
from tests.support.api_objects import until


async def test_the_cluster(server: ApiServer, local: LocalClient) -> None:
    namespaces = [name_of(obj) for obj in (await local.list(NAMESPACE)).items]
    assert namespaces == ["default", "kube-node-lease", "kube-public", "kube-system"]
    service = await local.get(SERVICE, "kubernetes", "default")
    assert service["spec"]["clusterIP"] == "10.96.0.1"
    assert (await local.get(ENDPOINT_SLICE, "kubernetes", "default"))["ports"][0]["port"] == server.port
    root = await local.get(CONFIG_MAP, "kube-root-ca.crt", "kube-system")
    assert root["data"]["ca.crt"] == server.authority


async def test_new_namespaces_are_furnished_and_stay_so(local: LocalClient) -> None:
    await local.create(NAMESPACE, {"metadata": {"name": "team"}})

    async def furnished() -> bool:
        try:
            await local.get(SERVICE_ACCOUNT, "default", "team")
            await local.get(CONFIG_MAP, "kube-root-ca.crt", "team")
        except ApiError:
            return False
        return True

    await until(furnished)
    await local.delete(CONFIG_MAP, "kube-root-ca.crt", "team")
    await until(furnished)


async def test_a_restart_changes_nothing_but_the_port(tmp_path: Path) -> None:
    revisions = []
    port = 0
    for _ in range(3):
        store = SqliteStore(tmp_path / "orchestrator" / "store.db")
        server = ApiServer(store, ApiOptions(home=tmp_path, port=port))
        await server.start()
        port = server.port
        revisions.append(store.revision)
        await server.stop()
        await store.close()
    assert revisions[1] == revisions[2]
