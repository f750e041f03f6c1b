"""The command line, and a proxy from a file as a real process: start, answers, drain, refusals."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sidecar import process

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 20.0
FORBIDDEN = ("aiohttp", "grpc", "google.protobuf", "cryptography", "yaml", "opentelemetry", "pydantic")
MANAGER = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def bootstrap(port: int, admin_port: int) -> dict[str, Any]:
    route = {"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": "hi"}}}
    manager = {
        "@type": MANAGER,
        "stat_prefix": "test",
        "route_config": {"virtual_hosts": [{"name": "v", "domains": ["*"], "routes": [route]}]},
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {"@type": ROUTER}}],
    }
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    return {
        "node": {"id": "one"},
        "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": admin_port}}},
        "static_resources": {"listeners": [{"name": "l", "address": address, "filter_chains": [chain]}]},
    }


def get(port: int, path: str = "/", method: str = "GET") -> str:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method)
    end = time.monotonic() + DEADLINE_S
    while True:
        try:
            with urllib.request.urlopen(request, timeout=DEADLINE_S) as answer:
                return str(answer.read().decode())
        except urllib.error.URLError:
            assert time.monotonic() < end
            time.sleep(0.005)


class Running:
    def __init__(self, directory: Path, suffix: str) -> None:
        self.port, self.admin_port = free_port(), free_port()
        path = directory / f"envoy{suffix}"
        content = bootstrap(self.port, self.admin_port)
        if suffix == ".json":
            path.write_text(json.dumps(content))
        else:
            import yaml

            path.write_text(yaml.safe_dump(content))
        modules = directory / "modules"
        code = (
            "import sys; from pathlib import Path; from sidecar import process;"
            f"code = process.main(['-c', {str(path)!r}]);"
            f"Path({str(modules)!r}).write_text(chr(10).join(sys.modules)); sys.exit(code)"
        )
        self.modules = modules
        self.process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.PIPE, text=True)

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(DEADLINE_S)


@pytest.fixture(params=[".json", ".yaml"])
def running(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Running]:
    made = Running(tmp_path, request.param)
    yield made
    if made.process.poll() is None:
        made.process.kill()
        made.process.wait()
    assert made.process.stderr is not None
    made.process.stderr.close()


def test_from_a_file(running: Running) -> None:
    assert get(running.port) == "hi"
    assert get(running.admin_port, "/ready") == "LIVE\n"
    assert get(running.admin_port, "/listeners") == f"l::127.0.0.1:{running.port}\n"
    assert "http.test.downstream_rq_2xx: 1\n" in get(running.admin_port, "/stats")
    assert json.loads(get(running.admin_port, "/server_info"))["node"]["id"] == "one"
    assert running.end() == 0
    loaded = running.modules.read_text().split("\n")
    allowed = {"yaml"} if any(name == "yaml" for name in loaded) else set()
    found = {name for name in loaded if name.startswith(FORBIDDEN)}
    assert {name.partition(".")[0] for name in found} <= allowed


def test_json_does_not_load_yaml(tmp_path: Path) -> None:
    made = Running(tmp_path, ".json")
    get(made.admin_port, "/ready")
    assert made.end() == 0
    assert "yaml" not in made.modules.read_text().split("\n")
    made.process.communicate()


def test_quitquitquit_drains(running: Running) -> None:
    assert get(running.admin_port, "/quitquitquit", "POST") == "OK\n"
    assert running.process.wait(DEADLINE_S) == 0


def test_cold_start(tmp_path: Path) -> None:
    """150 ms on a quiet machine; the bound here only catches a module that does not belong."""
    made = Running(tmp_path, ".json")
    began = time.monotonic()
    get(made.admin_port, "/ready")
    assert time.monotonic() - began < 3
    assert made.end() == 0
    made.process.communicate()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"static_resources": {"listeners": [{"nme": "x"}]}}', ["static_resources.listeners[0].nme", "unknown"]),
        ("{", ["envoy.json"]),
        ("[]", ["an object"]),
    ],
)
def test_refusals_name_the_field(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, words: list[str]
) -> None:
    path = tmp_path / "envoy.json"
    path.write_text(content)
    for argv in (["-c", str(path)], ["-c", str(path), "--mode", "validate"]):
        assert process.main(argv) == 1
        said = capsys.readouterr().err
        assert all(word in said for word in words), said


def test_validate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "envoy.json"
    path.write_text(json.dumps(bootstrap(1, 2)))
    assert process.main(["-c", str(path), "--mode", "validate"]) == 0
    assert capsys.readouterr().out == f"configuration '{path}' OK\n"


def test_port_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        path = tmp_path / "envoy.json"
        path.write_text(json.dumps(bootstrap(taken.getsockname()[1], free_port())))
        command = [sys.executable, "-m", "sidecar", "-c", str(path)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert done.returncode == 1
    assert "in use" in done.stderr


@pytest.mark.parametrize(
    ("argv", "code"), [([], 2), (["proxy"], 1), (["proxy", "x"], 2), (["--help"], 0), (["--no-such"], 2)]
)
def test_command_line(argv: list[str], code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POD_NAMESPACE", raising=False)
    assert process.main(argv) == code


def test_sigterm_while_starting_ends(tmp_path: Path) -> None:
    made = Running(tmp_path, ".json")
    handle = os.pidfd_open(made.process.pid)
    made.process.send_signal(signal.SIGTERM)
    assert select.select([handle], [], [], DEADLINE_S)[0]
    os.close(handle)
    made.process.communicate()
