"""Scaling sets the replicas, on a condition if one is given, and refuses what has none."""

from __future__ import annotations

from mesh.kube.kinds import DEPLOYMENT
from orchestrator.api.server import ApiServer
from tests.mesh.cli.conftest import Cli
from tests.support.api_objects import deployment


async def test_scale(cli: Cli, api: ApiServer) -> None:
    await api.local_client.create(DEPLOYMENT, deployment("web"), "default")

    async def replicas() -> int:
        return int((await api.local_client.get(DEPLOYMENT, "web", "default"))["spec"]["replicas"])

    done = await cli("scale", "deploy/web", "--replicas=3")
    assert (done.code, done.out, await replicas()) == (0, "deployment/web scaled\n", 3)
    refused = await cli("scale", "deploy", "web", "--replicas=5", "--current-replicas=1")
    assert refused.code == 1 and "it has 3" in refused.err and await replicas() == 3
    assert (await cli("scale", "deploy", "web", "--replicas=0", "--current-replicas=3")).code == 0
    assert await replicas() == 0


async def test_what_cannot_be_scaled(cli: Cli) -> None:
    for arguments, code, said in (
        (("cm/x", "--replicas=1"), 1, "configmaps cannot be scaled"),
        (("deploy", "--replicas=1"), 1, "give a name"),
        (("deploy/x", "--replicas=1"), 1, "not found"),
        (("deploy/x", "--replicas=-1"), 2, "replicas"),
    ):
        result = await cli("scale", *arguments)
        assert result.code == code and said in result.err, (arguments, result)
