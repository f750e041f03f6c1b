"""Goal: the shim's verbs as any client sees them, good and bad words alike."""

from __future__ import annotations

import asyncio
import os
import socket

import pytest

from orchestrator.layout import Layout
from orchestrator.runtimes import wire
from orchestrator.runtimes.base import ContainerSpec, RuntimeFailure
from orchestrator.runtimes.shim_client import ask

IP = "10.244.2.5"


def shim(pod) -> str:
    return str(pod.directory / "shim.sock")


async def test_listening_sockets_stay_open_between_holders(make_pod) -> None:
    """While a holder restarts, connections queue at the same socket."""
    pod = await make_pod(IP)
    request = {"verb": "listen", "address": "127.0.0.1", "port": 15001, "type": "stream"}
    _, (first,) = await ask(shim(pod), request)
    os.close(first)
    caller = await _pod_socket(pod)
    caller.connect(("93.184.216.34", 80))
    _, (second,) = await ask(shim(pod), request)
    with socket.socket(fileno=second) as listener, caller:
        listener.settimeout(5)
        connection, _ = listener.accept()
        connection.close()


async def _pod_socket(pod) -> socket.socket:
    _, (descriptor,) = await ask(shim(pod), {"verb": "socket", "type": "stream"})
    return socket.socket(fileno=descriptor)


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"verb": "nonsense"},
        {"verb": "listen"},
        {"verb": "listen", "address": "127.0.0.1", "port": 80, "type": "raw"},
        {"verb": "listen", "address": "192.0.2.1", "port": 80, "type": "stream"},
        {"verb": "socket", "type": "x"},
        {"verb": "start_container", "spec": {}},
        {"verb": "start_container", "spec": {"name": "a", "argv": ["x"], "log_path": "../../x"}},
        {"verb": "signal"},
        {"verb": "exec", "name": "none", "argv": ["x"], "timeout_s": 1},
        {"verb": "open_log", "log_path": "/etc/x"},
    ],
)
async def test_bad_words_are_refused_and_harmless(make_pod, message) -> None:
    pod = await make_pod(IP)
    with pytest.raises(RuntimeFailure):
        await ask(shim(pod), message)
    answer, _ = await ask(shim(pod), {"verb": "describe"})
    assert answer["uid"] == pod.uid


async def test_bytes_that_are_no_message(make_pod) -> None:
    pod = await make_pod(IP)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as caller:
        caller.settimeout(5)
        caller.connect(shim(pod))
        caller.send(b"\xff\xff")
        assert caller.recv(10) == b""
    await ask(shim(pod), {"verb": "describe"})


async def test_another_user_is_not_served(make_pod) -> None:
    """The socket's directory keeps others out; should it not, the peer's user is checked too."""
    pod = await make_pod(IP)
    if os.getuid() != 0:
        pytest.skip("only root can act as another user here")
    probe = (
        "import os, socket, sys; s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET); os.setuid(12345)\n"
        f"try: s.connect('{shim(pod)}'); print('in')\nexcept PermissionError: print('out')"
    )
    process = await asyncio.create_subprocess_exec("python3", "-c", probe, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    assert out.strip() == b"out"


async def test_a_log_for_a_process_outside(make_pod, layout: Layout) -> None:
    pod = await make_pod(IP)
    descriptor = await pod.open_log("proxy/0.log")
    os.write(descriptor, b"one\ntw")
    os.write(descriptor, b"o\n")
    os.close(descriptor)
    log = layout.pod(IP) / "proxy/0.log"
    async with asyncio.timeout(5):
        while len(log.read_text().splitlines()) < 2:
            await asyncio.sleep(0.005)
    assert [line.split(" ", 3)[3] for line in log.read_text().splitlines()] == ["one", "two"]


async def test_one_running_attempt_of_a_container(make_pod) -> None:
    pod = await make_pod(IP)
    await pod.start_container(ContainerSpec("main", ("sleep", "60"), "main/0.log"))
    with pytest.raises(RuntimeFailure, match="already running"):
        await pod.start_container(ContainerSpec("main", ("sleep", "60"), "main/1.log", attempt=1))


async def test_a_watcher_that_goes_away_disturbs_nobody(make_pod) -> None:
    pod = await make_pod(IP)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as watcher:
        watcher.connect(shim(pod))
        wire.send(watcher, {"verb": "watch"})
    await pod.start_container(ContainerSpec("main", ("true",), "main/0.log"))
    assert (await pod.wait("main", 0)).exit_code == 0
