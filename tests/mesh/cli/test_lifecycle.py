"""What is said of a mesh that runs, and of one that does not."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
import yaml

from mesh.cli.home import DOWN
from tests.mesh.cli.conftest import Cli, write_state


async def supervise(home: Path, ready: bool) -> asyncio.Server:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        processes = [{"name": "orchestrator", "pid": 7, "ready": ready, "more": 1}]
        writer.write(json.dumps({"processes": processes}).encode() + b"\n")
        await writer.drain()
        writer.close()

    return await asyncio.start_unix_server(answer, home / "s.sock")


@pytest.mark.parametrize(("ready", "code"), [(True, 0), (False, 1)])
async def test_status(tmp_path: Path, ready: bool, code: int) -> None:
    write_state(tmp_path)
    async with await supervise(tmp_path, ready):
        found = await Cli(tmp_path)("status", "-o", "json")
        table = await Cli(tmp_path)("status")
    assert found.code == table.code == code
    assert json.loads(found.out)["processes"] == [{"name": "orchestrator", "pid": 7, "ready": ready}]
    assert "http://127.0.0.1:8080" in table.out


async def test_down_of_a_mesh_that_died(tmp_path: Path) -> None:
    """A state file without a supervisor: the context leaves the kubeconfig, and nothing waits."""
    write_state(tmp_path)
    (tmp_path / "user").write_text(yaml.safe_dump({"contexts": [{"name": "pocketmesh", "context": {}}]}))
    cli = Cli(tmp_path)
    assert (await cli("status")).code == DOWN
    assert (await cli("down")).code == 0
    assert yaml.safe_load((tmp_path / "user").read_text())["contexts"] == []


async def test_purge_deletes_only_what_is_ours(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.txt").write_text("x")
    refused = await Cli(precious)("down", "--purge")
    assert refused.code == 1
    assert (precious / "thesis.txt").exists()
    (precious / "settings.json").write_text("{}")
    assert (await Cli(precious)("down", "--purge")).code == 0
    assert not precious.exists()


async def test_version_and_check(tmp_path: Path) -> None:
    assert (await Cli(tmp_path)("version")).out.startswith("pocketmesh ")
    checked = await Cli(tmp_path)("check", "-o", "json")
    assert checked.code in {0, 1}
    assert json.loads(checked.out)
