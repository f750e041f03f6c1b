"""Tables line up, results parse, failures say what to do on standard error."""

from __future__ import annotations

import json

import click
import yaml
from click.testing import CliRunner

from mesh.cli.output import Failure, emit, table


def test_table_pads_to_the_widest_cell() -> None:
    assert table(("NAME", "AGE"), [("a", 1), ("longer", 22)]) == "NAME     AGE\na        1\nlonger   22"


def test_table_without_rows_is_its_heading() -> None:
    assert table(("NAME", "AGE"), []) == "NAME   AGE"


def run(command: click.Command) -> tuple[int, str, str]:
    result = CliRunner().invoke(command)
    return result.exit_code, result.stdout, result.stderr


def test_failure_has_its_exit_code_and_its_advice() -> None:
    @click.command()
    def broken() -> None:
        raise Failure("no mesh\nstart one: mesh up", code=3)

    assert run(broken) == (3, "", "error: no mesh\nstart one: mesh up\n")


def test_emit_round_trips() -> None:
    value = {"name": "ü", "list": [1, {"a": None}]}

    @click.command()
    @click.argument("output")
    def show(output: str) -> None:
        emit(value, output)

    assert json.loads(CliRunner().invoke(show, ["json"]).stdout) == value
    assert yaml.safe_load(CliRunner().invoke(show, ["yaml"]).stdout) == value
