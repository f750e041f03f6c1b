"""Manifests are read with file and line, and what is wrong with them is said with both."""

from __future__ import annotations

from pathlib import Path

import pytest

from mesh.cli.manifest import load
from mesh.cli.output import Failure

TWO = """# a comment
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
# nothing here
---
apiVersion: networking.istio.io/v1beta1
kind: VirtualService
metadata:
  name: cart
"""


def test_documents_have_lines_and_namespaces(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(TWO)
    (tmp_path / "notes.txt").write_text("not a manifest")
    namespace, route = load((str(tmp_path),))
    assert (namespace.line, namespace.label) == (2, "namespace/shop")
    assert "namespace" not in namespace.object["metadata"]
    assert (route.line, route.label) == (8, "virtualservice.networking.istio.io/cart")
    assert route.object["metadata"]["namespace"] == "default"


BOMB = "a: &a [x, x]\n" + "".join(f"b{i}: [*a, *a]\n" for i in range(60))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{unclosed", "a.yaml: not YAML"),
        ("a: \x00\x01", "a.yaml: not YAML: unacceptable character"),
        ("- a\n- b", "a.yaml:1: not an object"),
        ("metadata: text", "not an object"),
        ("kind: Pod", "apiVersion and kind are required"),
        ("apiVersion: v1\nkind: Pud\nmetadata: {name: a}", "no kind Pud in v1"),
        ("apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: other}", "is in namespace other"),
        ("!!python/object:os.system {}", "not YAML"),
        (BOMB, "aliases"),
    ],
)
def test_bad_manifests_are_refused_with_their_place(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(Failure, match=message):
        load((str(tmp_path / "a.yaml"),), "mine")


def test_absent_and_binary_files(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="no such file"):
        load((str(tmp_path / "absent.yaml"),))
    (tmp_path / "a.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(Failure, match="not UTF-8"):
        load((str(tmp_path / "a.yaml"),))
