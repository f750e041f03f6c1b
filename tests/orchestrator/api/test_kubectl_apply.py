"""kubectl apply --server-side with each kubectl: ownership, conflicts, force, and coming from client-side apply."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orchestrator.api.server import ApiServer
from tests.support.kubectl import VERSIONS, command, require

pytestmark = pytest.mark.integration


def config_map(**data: str) -> str:
    lines = "".join(f"  {name}: '{value}'\n" for name, value in data.items())
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c}}\ndata:\n{lines}"


STORY = [
    ("apply --server-side -f -", config_map(a="1", b="1"), r"^configmap/c serverside-applied\n$"),
    ("get cm c -o yaml --show-managed-fields", "", r"fieldsV1:\n +f:data:\n +f:a: \{\}\n +f:b: \{\}"),
    ("get cm c -o yaml", "", r"^(?!(.|\n)*managedFields)"),
    ("apply --server-side --field-manager=x -f -", config_map(a="2"), r'conflict with "kubectl": .data.a'),
    ("apply --server-side --field-manager=x --force-conflicts -f -", config_map(a="2"), r"serverside-applied"),
    ("apply --server-side -f -", config_map(b="1", c="1"), r"serverside-applied"),
    ("get cm c -o jsonpath={.data}", "", r'^\{"a":"2","b":"1","c":"1"\}$'),
    ("diff --server-side --field-manager=x -f -", config_map(a="3"), r"\+  a: ['\"]3['\"]"),
    ("apply --server-side --dry-run=server -f -", config_map(b="9"), r"serverside-applied \(server dry run\)"),
    ("get cm c -o jsonpath={.data.b}", "", r"^1$"),
    ("delete cm c", "", r'configmap "c" deleted'),
    ("apply -f -", config_map(a="1"), r"configmap/c created"),
    ("apply --server-side -f -", config_map(a="2"), r"configmap/c serverside-applied"),
    ("get cm c -o jsonpath={.metadata.managedFields[*].manager}", "", r"^kubectl( kubectl-last-applied)?$"),
    ("apply --server-side -f -", config_map(b="2"), r"configmap/c serverside-applied"),
    ("get cm c -o jsonpath={.data}", "", r'^\{"b":"2"\}$'),
]  # fmt: skip


@pytest.mark.parametrize("version", VERSIONS)
async def test_the_story_of_a_config_map(server: ApiServer, tmp_path: Path, version: str) -> None:
    kubectl = command(require(version), tmp_path)
    for words, stdin, expected in STORY:
        result = await kubectl(*words.split(" "), stdin=stdin)
        assert re.search(expected, result.out + result.err), f"{words}: {result}"
