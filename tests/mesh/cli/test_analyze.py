"""`mesh analyze`: offline on files and live, thresholds as exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from mesh.cli.analyze import analyze
from tests.mesh.cli.conftest import Cli

NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n"
ROUTE = """apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: cart, namespace: shop}
spec:
  hosts: [cart]
  http:
  - route:
    - destination: {host: cart}
"""


@pytest.mark.parametrize(
    ("text", "options", "code"),
    [
        (NAMESPACE, [], 0),
        (NAMESPACE, ["--failure-threshold", "Info"], 1),
        (ROUTE, [], 1),
        (ROUTE, ["-S", "IST0101"], 0),
        (ROUTE, ["--analyzer", "gateway.SecretAnalyzer"], 0),
    ],
)
def test_thresholds(tmp_path: Path, text: str, options: list[str], code: int) -> None:
    (tmp_path / "a.yaml").write_text(text)
    assert CliRunner().invoke(analyze, ["--offline", "-f", str(tmp_path), *options]).exit_code == code


def test_json_has_the_place(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(ROUTE)
    result = CliRunner().invoke(analyze, ["--offline", str(tmp_path), "-o", "json"])
    (found,) = json.loads(result.output)
    assert (found["code"], found["line"], found["path"], found["namespace"]) == (
        "IST0101", 8, "spec.http[0].route[0].destination.host", "shop",
    )  # fmt: skip


def test_wrong_usage_and_broken_files(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: [")
    assert CliRunner().invoke(analyze, ["--offline"]).exit_code == 2
    result = CliRunner().invoke(analyze, ["--offline", "-f", str(tmp_path)])
    assert (result.exit_code, "a.yaml:1: not YAML" in result.output) == (1, True)


async def test_live_objects_and_files_together(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "service.yaml").write_text(
        "apiVersion: v1\nkind: Service\nmetadata: {name: cart, namespace: shop}\n"
        "spec: {ports: [{port: 80, name: http}]}\n"
    )
    (tmp_path / "route.yaml").write_text(ROUTE)
    (tmp_path / "namespace.yaml").write_text(NAMESPACE)
    assert (await cli("apply", "-f", str(tmp_path / "namespace.yaml"))).code == 0
    assert (await cli("apply", "-f", str(tmp_path / "service.yaml"))).code == 0
    result = await cli("analyze", "-f", str(tmp_path / "route.yaml"))
    assert (result.code, "IST0101" in result.out, "IST0102" in result.out) == (0, False, True), result
