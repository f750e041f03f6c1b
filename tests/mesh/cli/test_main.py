"""The overview and each command's help work without a mesh, and name an example."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from mesh.cli.main import COMMANDS, main


def test_overview_lists_every_command() -> None:
    result = CliRunner().invoke(main, ["--help"])
    assert result.exit_code == 0
    assert all(name in result.output for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_each_command(name: str) -> None:
    result = CliRunner().invoke(main, [name, "--help"])
    assert result.exit_code == 0, result.output
    command = main.get_command(click.Context(main), name)
    assert command is not None
    assert "Example:" in result.output or isinstance(command, click.Group) or name == "version"


def test_overview_imports_no_command() -> None:
    code = (
        "import sys; from click.testing import CliRunner; from mesh.cli.main import main;"
        "CliRunner().invoke(main, ['--help']); sys.exit('aiohttp' in sys.modules or 'yaml' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_unknown_command_is_a_usage_error() -> None:
    assert CliRunner().invoke(main, ["frobnicate"]).exit_code == 2
