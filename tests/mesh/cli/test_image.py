"""Bindings are added, listed and removed through the orchestrator's own command, before any mesh is up."""

from __future__ import annotations

import json
from pathlib import Path

from tests.mesh.cli.conftest import Cli


async def test_image(tmp_path: Path) -> None:
    cli = Cli(tmp_path)
    arguments = ("--dir", str(tmp_path), "--env", "A=b", "--", "python3", "-m", "http.server")
    assert (await cli("image", "add", "shop/cart:v1", *arguments)).code == 0
    listed = await cli("image", "ls", "-o", "json")
    assert "shop/cart:v1" in json.dumps(json.loads(listed.out))
    assert "http.server" in (await cli("image", "ls")).out
    assert (await cli("image", "rm", "shop/cart:v1")).code == 0
    assert (await cli("image", "rm", "shop/cart:v1")).code == 1
    assert (await cli("image", "add", "UPPER", *arguments)).code == 1
    assert (await cli("image", "add", "shop/cart")).code == 2
