"""Deleting by file and by name waits until the objects are gone."""

from __future__ import annotations

from tests.mesh.cli.conftest import Cli

MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s, labels: {x: y}}\n"


async def test_delete(cli: Cli) -> None:
    for name in ("a", "b", "c", "d"):
        await cli("apply", "-f", "-", stdin=MAP % name)
    gone = await cli("delete", "-f", "-", stdin=MAP % "a")
    assert (gone.code, gone.out) == (0, 'configmap "a" deleted\n')
    assert (await cli("delete", "cm/b")).code == 0
    refused = await cli("delete", "cm")
    assert refused.code == 1
    assert "-l LABEL=VALUE" in refused.err
    assert (await cli("delete", "cm", "-l", "x=y")).out.count("deleted") == 2
    assert "configmap/a" not in (await cli("get", "cm", "-o", "name")).out


async def test_what_is_not_there(cli: Cli) -> None:
    assert (await cli("delete", "cm", "absent")).code == 1
    assert (await cli("delete", "cm", "absent", "--ignore-not-found")).code == 0
    assert (await cli("delete")).code == 2
