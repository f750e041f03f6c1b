"""Goal: a program starts as the manifest says: words, environment, directory, signals, descriptors."""

from __future__ import annotations

from pathlib import Path

from orchestrator.runtimes.base import ContainerSpec
from orchestrator.runtimes.container import visible_directories

IP = "10.244.3.5"


async def test_environment_is_exactly_what_was_given(make_pod, run_shell, monkeypatch) -> None:
    monkeypatch.setenv("PM_LEAK", "1")
    pod = await make_pod(IP)
    _, lines = await run_shell(pod, "exec env", env={"A": "x y", "HOME": "/data"})
    found = dict(line.split("=", 1) for line in lines)
    assert found["A"] == "x y" and found["HOME"] == "/data"
    assert set(found) <= {"A", "HOME", "PATH", "PWD", "SHLVL", "_", "OLDPWD"}


async def test_a_working_directory_is_made(make_pod, run_shell) -> None:
    pod = await make_pod(IP)
    _, lines = await run_shell(pod, "pwd; touch x && echo mine", workdir="/srv/app/work")
    assert lines == ["/srv/app/work", "mine"]


async def test_descriptors_and_signals_are_clean(make_pod, run_shell) -> None:
    pod = await make_pod(IP)
    _, lines = await run_shell(pod, "ls /proc/$$/fd; grep -E 'Sig(Ign|Blk)' /proc/self/status; umask; cat | wc -c")
    assert [line for line in lines if line.isdigit() and len(line) < 4][:3] == ["0", "1", "2"]
    assert "SigBlk:\t0000000000000000" in lines and "SigIgn:\t0000000000000000" in lines
    assert lines[-2:] == ["0022", "0"]


async def test_the_first_process_is_the_program(make_pod, run_shell) -> None:
    pod = await make_pod(IP)
    _, lines = await run_shell(pod, "echo $$")
    assert lines == ["1"]


async def test_asked_capabilities_are_there_and_no_others(make_pod, run_shell) -> None:
    pod = await make_pod(IP)
    _, lines = await run_shell(pod, "grep -E 'Cap(Eff|Bnd)' /proc/self/status", capabilities=("CHOWN", "CAP_KILL"))
    assert {line.split()[1] for line in lines} == {f"{(1 << 0) | (1 << 5):016x}"}


async def test_restarts_are_attempts(make_pod, run_shell) -> None:
    """The last two are remembered: `kubectl logs --previous` needs the one before."""
    pod = await make_pod(IP)
    for attempt in range(3):
        state, lines = await run_shell(pod, f"echo {attempt}; exit {attempt}", attempt=attempt)
        assert (lines, state.exit_code) == ([str(attempt)], attempt)
    assert [state.attempt for state in await pod.containers()] == [1, 2]


def test_visible_directories_outer_first() -> None:
    spec = ContainerSpec("a", ("x",), "l", image_directory="/a/b/c", visible=("/a", "/a/b/c", "/a/b"))
    assert visible_directories(spec) == ("/a", "/a/b", "/a/b/c")
    assert Path("/a/b/c").name == "c"
