"""Tables from the server, and the objects themselves."""

from __future__ import annotations

import json

import yaml

from tests.mesh.cli.conftest import Cli

MAPS = """
apiVersion: v1
kind: ConfigMap
metadata: {name: one, labels: {app: a}}
data: {k: v}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: two, labels: {app: b}}
"""


async def test_get(cli: Cli) -> None:
    assert (await cli("apply", "-f", "-", stdin=MAPS)).code == 0
    table = (await cli("get", "cm")).out.splitlines()
    assert table[0].split() == ["NAME", "DATA", "AGE"]
    assert {line.split()[0] for line in table[1:]} >= {"one", "two"}
    assert json.loads((await cli("get", "cm", "one", "-o", "json")).out)["data"] == {"k": "v"}
    listed = yaml.safe_load((await cli("get", "cm", "-l", "app=b", "-o", "yaml")).out)
    assert [item["metadata"]["name"] for item in listed["items"]] == ["two"]
    assert {item["kind"] for item in listed["items"]} == {"ConfigMap"}
    assert "configmap/one" in (await cli("get", "cm", "-o", "name")).out
    both = (await cli("get", "cm,ns", "-A")).out
    assert "configmap/one" in both
    assert "namespace/kube-system" in both


async def test_nothing_and_unknown(cli: Cli) -> None:
    empty = await cli("get", "pods")
    assert (empty.code, empty.out) == (0, "")
    assert "No resources found in default namespace." in empty.err
    missing = await cli("get", "pod", "absent")
    assert missing.code == 1
    assert 'pods "absent" not found' in missing.err
