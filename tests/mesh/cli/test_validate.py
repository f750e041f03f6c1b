"""`mesh validate`: messages with lines, JSON, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from mesh.cli.validate import validate

GOOD = "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n"
BAD = """apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: g}
spec:
  servers:
  - hosts: ["*"]
    port: {number: 0, name: h, protocol: HTTP}
"""


def test_all_valid_is_zero(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD)
    result = CliRunner().invoke(validate, ["-f", str(tmp_path), "-o", "json"])
    (told,) = json.loads(result.output)
    assert (result.exit_code, told["kind"], told["name"], told["valid"], told["warnings"]) == (
        0, "Namespace", "a", True, [],
    )  # fmt: skip


def test_one_invalid_is_one_and_names_the_line(tmp_path: Path) -> None:
    good, bad = tmp_path / "a.yaml", tmp_path / "b.yaml"
    good.write_text(GOOD)
    bad.write_text(BAD)
    result = CliRunner().invoke(validate, ["-f", str(good), str(bad)])
    assert result.exit_code == 1
    assert f"{bad}:7: error: spec.servers[0].port.number" in result.output
    assert CliRunner().invoke(validate, ["-f", str(tmp_path / "absent")]).exit_code == 1
