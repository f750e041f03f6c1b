"""Reading a bootstrap file: JSON and YAML alike, and errors that name the file and the field."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sidecar.control.node import BootstrapError
from sidecar.standalone import read_bootstrap

MINIMAL = {"node": {"id": "a", "cluster": "b"}, "static_resources": {"clusters": [{"name": "c", "type": "STATIC"}]}}


@pytest.mark.parametrize("name", ["a.json", "a.yaml", "a.yml", "a"])
def test_json_is_read_under_every_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(json.dumps(MINIMAL))
    read = read_bootstrap(path)
    assert read.parsed.node.id == "a"
    assert read.raw == MINIMAL
    assert [cluster.name for cluster in read.parsed.static_resources.clusters] == ["c"]


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("a.json", "{", "a.json"),
        ("a.yaml", "a: [", "a.yaml"),
        ("a.yaml", "", "an object"),
        ("a.json", '{"static_resources": {"clusters": [{"name": "c", "typ": 1}]}}', r"clusters\[0\]\.typ"),
        ("a.yaml", "admin: {address: {}}", "admin.address"),
    ],
)
def test_errors(tmp_path: Path, name: str, content: str, word: str) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(BootstrapError, match=word) as failure:
        read_bootstrap(path)
    assert str(failure.value).startswith(str(path))


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(BootstrapError, match="No such file"):
        read_bootstrap(tmp_path / "missing.yaml")
