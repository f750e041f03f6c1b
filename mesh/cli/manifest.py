"""Reading manifests: files, directories and standard input, one object a document, each with its file and line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mesh.cli.output import Failure
from mesh.kube.kinds import Kind, KindRegistry, builtin_registry
from mesh.kube.objects import Object
from mesh.offline.documents import ALIASES_MAX

SUFFIXES = (".yaml", ".yml", ".json")
BYTES_MAX = 16 << 20


@dataclass(frozen=True, slots=True)
class Document:
    object: Object
    kind: Kind
    file: str
    line: int

    @property
    def where(self) -> str:
        return f"{self.file}:{self.line}"

    @property
    def label(self) -> str:
        """`deployment.apps/web`, as kubectl names what it did."""
        suffix = f".{self.kind.group}" if self.kind.group else ""
        return f"{self.kind.singular_name}{suffix}/{(self.object.get('metadata') or {}).get('name', '')}"


def load(paths: tuple[str, ...], namespace: str | None = None) -> list[Document]:
    """All documents of all paths, in order; `Failure` names the file and line of what is wrong."""
    registry = builtin_registry()
    return [
        _document(value, where, registry, namespace)
        for path in paths
        for file, text in texts(path)
        for value, where in _values(file, text)
    ]


def texts(path: str) -> Iterator[tuple[str, str]]:
    """(name, content) of each manifest below a path; `-` is standard input."""
    if path == "-":
        try:
            yield "standard input", sys.stdin.read(BYTES_MAX)
        except UnicodeDecodeError as failure:
            raise Failure(f"standard input: not UTF-8 text: {failure}") from failure
        return
    root = Path(path)
    if not root.exists():
        raise Failure(f"{path}: no such file or directory")
    files = sorted(found for found in root.iterdir() if found.suffix in SUFFIXES) if root.is_dir() else [root]
    for file in files:
        if file.stat().st_size > BYTES_MAX:
            raise Failure(f"{file}: larger than {BYTES_MAX >> 20} MiB")
        try:
            yield str(file), file.read_text()
        except UnicodeDecodeError as failure:
            raise Failure(f"{file}: not UTF-8 text: {failure}") from failure


def _values(file: str, text: str) -> Iterator[tuple[Any, tuple[str, int]]]:
    try:
        loader = yaml.SafeLoader(text)  # which looks for characters that YAML does not allow
    except yaml.YAMLError as failure:
        raise Failure(f"{file}: not YAML: {failure}") from failure
    try:
        if sum(isinstance(token, yaml.AliasToken) for token in yaml.scan(text)) > ALIASES_MAX:
            raise Failure(f"{file}: more than {ALIASES_MAX} aliases")
        while loader.check_node():
            node = loader.get_node()
            assert node is not None  # check_node said so
            value = loader.construct_document(node)
            if value is not None:
                yield value, (file, node.start_mark.line + 1)
    except (yaml.YAMLError, RecursionError) as failure:
        raise Failure(f"{file}: not YAML: {failure}") from failure
    finally:
        loader.dispose()


def _document(value: Any, where: tuple[str, int], registry: KindRegistry, namespace: str | None) -> Document:
    file, line = where
    if not isinstance(value, dict) or not isinstance(value.get("metadata", {}), dict):
        raise Failure(f"{file}:{line}: not an object of Kubernetes")
    api_version, word = str(value.get("apiVersion") or ""), str(value.get("kind") or "")
    if not api_version or not word:
        raise Failure(f"{file}:{line}: apiVersion and kind are required")
    kind = registry.gvk(api_version, word)
    if kind is None:
        raise Failure(f"{file}:{line}: no kind {word} in {api_version} here\nsee the kinds: kubectl api-resources")
    if kind.namespaced:
        meta = value.setdefault("metadata", {})
        if namespace and meta.get("namespace") not in (None, namespace):
            raise Failure(f"{file}:{line}: is in namespace {meta['namespace']}, but --namespace says {namespace}")
        meta.setdefault("namespace", namespace or "default")
    return Document(value, kind, file, line)
