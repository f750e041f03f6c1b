"""What `up` does when it cannot: it says why and leaves nothing running. Starting for real is an integration test."""

from __future__ import annotations

from pathlib import Path

import pytest

from mesh.cli.up import Settings, _tail
from tests.mesh.cli.conftest import Cli


@pytest.mark.parametrize(
    ("settings", "arguments"),
    [
        (Settings(None, None, None, None, None), []),
        (Settings("x", 0, None, 8081, None), ["--name", "x", "--api-port", "0", "--ingress-http-port", "8081"]),
    ],
)
def test_settings_pass_on_only_what_was_said(settings: Settings, arguments: list[str]) -> None:
    assert settings.arguments() == arguments


def test_the_end_of_a_log(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    assert "no log" in _tail(log, 0)
    log.write_text("old\n" + "\n".join(str(number) for number in range(50)))
    assert _tail(log, 4).splitlines()[-1] == "49"
    assert "old" not in _tail(log, 4)


async def test_a_bad_name_is_refused(tmp_path: Path) -> None:
    done = await Cli(tmp_path)("up", "--name", "Not A Name")
    assert done.code == 1
    assert "name" in done.err.lower()
    assert not (tmp_path / "state.json").exists()


async def test_a_bad_port_is_a_usage_error(tmp_path: Path) -> None:
    assert (await Cli(tmp_path)("up", "--api-port", "70000")).code == 2
