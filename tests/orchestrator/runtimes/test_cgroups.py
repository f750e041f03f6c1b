"""Goal: limits become the files of either version, and where they cannot be had that is said.

Method: a directory that looks like /sys/fs/cgroup; `test_sandbox.py` tries the real one.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.runtimes.base import Limits
from orchestrator.runtimes.cgroups import Limiter

V1 = "5:memory:/\n4:cpu,cpuacct:/user\n3:pids:/\n1:name=systemd:/\n0::/\n"
ALL = Limits(cpu_millis=500, memory_bytes=64 << 20, pids=10)


def version_1(root: Path) -> Limiter:
    for name in ("memory", "cpu/user", "pids"):
        (root / name).mkdir(parents=True)
    return Limiter.of_this_machine("pm-test", root=root, own=V1)


def version_2(root: Path) -> Limiter:
    (root / "cgroup.controllers").write_text("cpu memory pids")
    (root / "user").mkdir()
    for directory in (root, root / "user"):
        (directory / "cgroup.procs").write_text("")
    own = "0::/\n" if os.getuid() == 0 else "0::/user/session\n"
    return Limiter.of_this_machine("pm-test", root=root, own=own)


def opened(limiter: Limiter, root: Path, limits: Limits) -> dict[str, str]:
    """The files written, by path below the container's directory."""
    for base in limiter.bases.values():
        (base / "pod" / "main").mkdir(parents=True, exist_ok=True)
        (base / "pod" / "main" / "cgroup.procs").touch()
    for descriptor in limiter.open("pod", "main", limits):
        os.close(descriptor)
    found = (p for p in root.rglob("pod/main/*") if p.is_file() and p.stat().st_size)
    return {p.name: p.read_text() for p in found}


def test_version_1(tmp_path: Path) -> None:
    limiter = version_1(tmp_path)
    assert set(limiter.bases) == {"memory", "cpu", "pids"}
    assert limiter.bases["cpu"] == tmp_path / "cpu/user/pm-test"
    assert opened(limiter, tmp_path, ALL) == {
        "cpu.cfs_quota_us": "50000", "memory.limit_in_bytes": str(64 << 20), "pids.max": "10",
    }  # fmt: skip


def test_version_2(tmp_path: Path) -> None:
    limiter = version_2(tmp_path)
    assert limiter.usable
    assert opened(limiter, tmp_path, ALL) == {
        "cpu.max": "50000 100000", "memory.max": str(64 << 20), "memory.oom.group": "1", "pids.max": "10",
    }  # fmt: skip


def test_only_what_is_limited_is_written(tmp_path: Path) -> None:
    limiter = version_1(tmp_path)
    assert opened(limiter, tmp_path, Limits(cpu_millis=1)) == {"cpu.cfs_quota_us": "1000"}
    assert limiter.open("pod", "main", Limits()) == []


def test_where_nothing_may_be_made(tmp_path: Path) -> None:
    limiter = Limiter.of_this_machine("pm-test", root=tmp_path / "none", own=V1)
    assert not limiter.usable
    assert limiter.open("pod", "main", ALL) == []
    assert not limiter.oom_killed("pod", "main")


@pytest.mark.parametrize(
    ("controller", "file", "text", "killed"),
    [
        ("memory", "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n", True),
        ("memory", "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n", False),
        ("", "memory.events", "low 0\noom 1\noom_kill 3\n", True),
        ("", "memory.events", "oom 0\noom_kill 0\noom_group_kill 0\n", False),
    ],
)
def test_oom(tmp_path: Path, controller: str, file: str, text: str, killed: bool) -> None:
    (tmp_path / "pod/main").mkdir(parents=True)
    (tmp_path / "pod/main" / file).write_text(text)
    assert Limiter({controller: tmp_path}).oom_killed("pod", "main") is killed


def test_removal(tmp_path: Path) -> None:
    (tmp_path / "pm/pod/main").mkdir(parents=True)
    limiter = Limiter({"": tmp_path / "pm"})
    limiter.remove("pod")
    limiter.close()
    assert not (tmp_path / "pm").exists()
