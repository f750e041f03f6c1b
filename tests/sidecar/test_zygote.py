"""The zygote as a real process: fork, exit codes, isolation, survival of its children."""

from __future__ import annotations

import json
import os
import signal
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidecar.zygote import start_time, write_exit
from tests.sidecar.zygotes import RunningZygote, wait_file, wait_gone

PROBE = '''
import json, os, signal, sys, threading
from pathlib import Path

def lists(path):
    try:
        return sorted(os.listdir(path))
    except OSError as error:
        return error.errno

def writes(path):
    try:
        Path(path).write_text("x")
        Path(path).unlink()
        return True
    except OSError:
        return False

def main(argv):
    verb = argv[0]
    if verb == "report":
        status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines())
        print(json.dumps({
            "argv": argv, "env": dict(os.environ), "pid": os.getpid(), "session": os.getsid(0),
            "descriptors": sorted(int(name) for name in os.listdir("/proc/self/fd"))[:-1],
            "threads": threading.active_count(), "no_new_privs": status["NoNewPrivs"], "effective": status["CapEff"],
            "masked": lists(argv[1]), "run": lists(argv[2]), "source_writable": writes(argv[3] + "/.probe"),
            "run_writable": writes(argv[2] + "/.probe"), "name": status["Name"],
            "stdin": os.readlink("/proc/self/fd/0"),
        }))
        return 0
    if verb == "exit":
        return int(argv[1])
    if verb == "raise":
        raise ValueError("as asked")
    if verb == "system-exit":
        sys.exit(int(argv[1]))
    if verb == "wait":
        os.write(1, b"waiting")
        signal.pause()
    return 1
'''  # fmt: skip


@pytest.fixture
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="pm-zygote-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def zygote(home: Path) -> Iterator[RunningZygote]:
    running = start(home)
    yield running
    running.close()


def start(home: Path) -> RunningZygote:
    secret = home / "state"
    secret.mkdir(exist_ok=True)
    (secret / "ca.key").write_text("secret")
    run = secret / "run"
    run.mkdir(exist_ok=True)
    (home / "probe_main.py").write_text(PROBE)
    environment = {"POCKETMESH_HOME": str(secret)}
    return RunningZygote(run, preload=["probe_main"], path=str(home), environment=environment)


def run_probe(zygote: RunningZygote, argv: list[str], **more: str) -> str:
    reader, writer = os.pipe()
    answer = zygote.fork("probe_main", argv, env=more, out=writer)
    os.close(writer)
    assert "pid" in answer, answer
    with os.fdopen(reader) as output:
        return output.read()


def test_child_is_clean_and_sees_little(zygote: RunningZygote, home: Path) -> None:
    source = Path(__file__).resolve().parents[2]
    report = json.loads(
        run_probe(zygote, ["report", str(home / "state"), str(zygote.run), str(source / "sidecar")], KEY="value")
    )
    assert report["env"] == {"KEY": "value"}
    assert report["session"] == report["pid"]
    assert report["descriptors"] == [0, 1, 2]
    assert report["stdin"] == "/dev/null"
    assert report["threads"] == 1
    assert report["no_new_privs"] == "1"
    assert report["name"] == "probe_main"
    assert report["masked"] == ["run"], "the mesh's home must be empty but for the run directory"
    assert "z.sock" in report["run"]
    assert report["run_writable"]
    assert not report["source_writable"]
    kept = (1 << 1 | 1 << 10) if os.getuid() == 0 else 0
    assert int(report["effective"], 16) == kept


@pytest.mark.parametrize(
    ("argv", "code", "number"),
    [(["exit", "0"], 0, 0), (["exit", "7"], 7, 0), (["raise"], 70, 0), (["system-exit", "3"], 3, 0)],
)
def test_exit_file(zygote: RunningZygote, home: Path, argv: list[str], code: int, number: int) -> None:
    exit_file = zygote.run / "exit.json"
    answer = zygote.fork("probe_main", argv, exit_file=exit_file)
    assert answer["start_time"] > 0
    report = json.loads(wait_file(exit_file))
    assert (report["exit_code"], report["signal"]) == (code, number)
    assert report["finished_at"] > 1e9


def test_killed_child(zygote: RunningZygote) -> None:
    reader, writer = os.pipe()
    exit_file = zygote.run / "killed.json"
    answer = zygote.fork("probe_main", ["wait"], out=writer, exit_file=exit_file)
    assert os.read(reader, 100) == b"waiting"
    assert start_time(answer["pid"]) == answer["start_time"]
    os.kill(answer["pid"], signal.SIGKILL)
    assert json.loads(wait_file(exit_file))["exit_code"] == 128 + signal.SIGKILL


def test_children_survive_and_a_successor_takes_over(zygote: RunningZygote, home: Path) -> None:
    reader, writer = os.pipe()
    pid = zygote.fork("probe_main", ["wait"], out=writer)["pid"]
    assert os.read(reader, 100) == b"waiting"
    assert zygote.stop() == 0
    assert not zygote.socket_path.exists()
    os.kill(pid, 0)
    second = start(home)
    try:
        assert "pid" in second.fork("probe_main", ["exit", "0"])
    finally:
        assert second.stop() == 0
    os.kill(pid, signal.SIGTERM)
    wait_gone(pid)


@pytest.mark.parametrize(
    ("message", "files", "word"),
    [
        (b"{", 2, "JSONDecodeError"),
        (b'{"verb": "run"}', 2, "unknown verb"),
        (b'{"verb": "fork", "module": "os", "argv": [], "env": {}, "exit_file": "x"}', 2, "module 'os'"),
        (b'{"verb": "fork", "module": "probe_main", "argv": [], "env": {}, "exit_file": "x"}', 1, "two descriptors"),
        (b'{"verb": "fork", "module": "probe_main"}', 2, "KeyError"),
        (b'"' + b"x" * 70_000 + b'"', 2, "longer"),
    ],
)
def test_refusals_keep_it_serving(zygote: RunningZygote, message: bytes, files: int, word: str) -> None:
    with zygote.connect() as client:
        socket.send_fds(client, [message], [1, 2][:files])
        assert word in json.loads(client.recv(65536))["error"]
    assert "pid" in zygote.fork("probe_main", ["exit", "0"])


def test_write_exit_is_atomic(tmp_path: Path) -> None:
    target = tmp_path / "exit"
    write_exit(target, 5 << 8, now=12.5)
    assert json.loads(target.read_text()) == {"exit_code": 5, "signal": 0, "finished_at": 12.5}
    assert [path.name for path in tmp_path.iterdir()] == ["exit"]
