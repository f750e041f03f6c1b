"""The style that a machine can check: sizes, a test file for each module, words that must not appear.

It reads the source as text and as a syntax tree; nothing of the project is imported.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("mesh", "sidecar", "ingress", "orchestrator")
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
WIRE_PACKAGES = ("sidecar/protocol", "sidecar/net", "sidecar/exchange")
"""Where bytes from the network are read: `int()` accepts `+1`, `1_0` and blanks, `strip()` eats what a
peer would keep, so both are banned there in favour of the checked parsers of `sidecar.protocol.numbers`."""


def modules() -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted((ROOT / package).rglob("*.py"))


def names(paths: Iterator[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


@pytest.mark.parametrize("name", names(modules()))
def test_file_is_one_idea(name: str) -> None:
    assert len((ROOT / name).read_text().splitlines()) <= FILE_LINES_MAX


@pytest.mark.parametrize("name", names(modules()))
def test_functions_are_short(name: str) -> None:
    """A longer function needs a reason: a comment `# long: why` on its `def` line."""
    source = (ROOT / name).read_text()
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        length = (node.end_lineno or node.lineno) - node.lineno + 1 - docstring_lines(node)
        excused = "# long: " in lines[node.lineno - 1]
        assert length <= FUNCTION_LINES_MAX or excused, f"{name}:{node.lineno} {node.name} has {length} lines"


def docstring_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = node.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        return (first.end_lineno or first.lineno) - first.lineno + 1
    return 0


@pytest.mark.parametrize("name", [n for n in names(modules()) if not n.endswith(("__init__.py", "__main__.py"))])
def test_module_has_a_test_file(name: str) -> None:
    path = Path(name)
    assert (ROOT / "tests" / path.parent / f"test_{path.name}").exists(), f"{name} has no test file"


@pytest.mark.parametrize("name", names(modules()))
def test_banned_calls(name: str) -> None:
    source = (ROOT / name).read_text()
    wire = name.startswith(WIRE_PACKAGES) and not name.endswith("numbers.py")
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        where = f"{name}:{node.lineno}"
        called = ast.unparse(node.func)
        assert called != "print", f"{where}: print"
        assert not called.endswith("create_task") or name.endswith("tasks.py"), f"{where}: bare create_task"
        if wire:
            assert called != "int" and not re.search(r"\.[lr]?strip$", called), f"{where}: {called}() on wire bytes"


@pytest.mark.parametrize("name", names(modules()))
def test_no_loose_ends(name: str) -> None:
    found = re.search(r"\b(TODO|FIXME|XXX|HACK)\b", (ROOT / name).read_text())
    assert found is None, f"{name}: {found and found.group()}"


@pytest.mark.parametrize("name", names(modules()))
def test_module_says_what_it_is(name: str) -> None:
    source = (ROOT / name).read_text()
    assert not source or ast.get_docstring(ast.parse(source)), f"{name} has no docstring"
