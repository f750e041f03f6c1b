"""YAML text -> objects, with the line of every field.

A document is as it was written: nothing is defaulted, and one that is broken is an object with a problem, so that
the ones after it are still read. A `List` gives its items.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from mesh.kube.objects import Object

ALIASES_MAX = 100
"""An alias may repeat its anchor's whole content: a document with many of them is a bomb, not a manifest."""

FIELDS_MAX = 100_000
"""Fields of one document whose lines are remembered; deeper ones get their nearest parent's."""


@dataclass(frozen=True, slots=True)
class Document:
    """`lines` has the line of a field by its path, `spec.http[0].route`; `problem` is why there is no object."""

    object: Object
    file: str
    line: int
    lines: dict[str, int] = field(default_factory=dict)
    problem: str = ""

    def line_of(self, path: str) -> int:
        """The line of the field, or of its nearest parent that was written."""
        while path:
            if path in self.lines:
                return self.lines[path]
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self.line


def read_documents(file: str, text: str) -> list[Document]:
    """All objects of one file. What follows a syntax error cannot be read: it ends the list with a problem."""
    found: list[Document] = []
    try:
        if sum(isinstance(token, yaml.AliasToken) for token in yaml.scan(text)) > ALIASES_MAX:
            return [Document({}, file, 1, problem=f"more than {ALIASES_MAX} aliases")]
        loader = yaml.SafeLoader(text)
        try:
            while loader.check_node():
                node = loader.get_node()
                assert node is not None  # check_node said so
                found += _documents(file, node, loader.construct_document(node))
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as failure:
        mark = failure.problem_mark or failure.context_mark
        found.append(Document({}, file, mark.line + 1 if mark else 1, problem=f"not YAML: {failure.problem}"))
    except (yaml.YAMLError, RecursionError, ValueError) as failure:
        found.append(Document({}, file, 1, problem=f"not YAML: {failure}"))
    return found


def _documents(file: str, node: yaml.Node, value: Any) -> Iterator[Document]:
    line = node.start_mark.line + 1
    if value is None:
        return
    if not isinstance(value, dict):
        yield Document({}, file, line, problem="not an object of Kubernetes")
        return
    if str(value.get("kind") or "").endswith("List") and isinstance(value.get("items"), list):
        inner = next(item for key, item in node.value if key.value == "items")
        for child, item in zip(inner.value, value["items"], strict=True):
            yield from _documents(file, child, item)
        return
    lines: dict[str, int] = {}
    _remember(node, "", lines, frozenset())
    problem = "" if value.get("apiVersion") and value.get("kind") else "apiVersion and kind are required"
    yield Document(value, file, line, lines, problem)


def _remember(node: yaml.Node, path: str, lines: dict[str, int], above: frozenset[int]) -> None:
    if len(lines) >= FIELDS_MAX or id(node) in above:
        return
    inside = above | {id(node)}
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            below = f"{path}.{key.value}" if path else str(key.value)
            lines[below] = key.start_mark.line + 1
            lines.setdefault(f"{path}[{key.value}]", key.start_mark.line + 1)  # how checks name an entry of a map
            _remember(value, below, lines, inside)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            lines[f"{path}[{index}]"] = value.start_mark.line + 1
            _remember(value, f"{path}[{index}]", lines, inside)
