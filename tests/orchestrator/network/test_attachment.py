"""Goal: from inside a pod nothing is reached but the pod itself and its hooks.

Method: a real pod; hooks are opened through its shim by the test, and scripts inside dial.
"""

from __future__ import annotations

import asyncio
import socket
import struct

import pytest

from orchestrator.network.attachment import DNS_PORT, OUTBOUND_PORT
from orchestrator.runtimes.shim_client import ask

IP = "10.244.6.5"
DIAL = """
import socket, sys
for kind, host, port in [w.split(',') for w in sys.argv[1:]]:
    family = socket.AF_INET6 if ':' in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM if kind == 'tcp' else socket.SOCK_DGRAM) as s:
        s.settimeout(3)
        try:
            s.connect((host, int(port))); s.send(b'hello')
            print(s.recv(100).decode() or 'end')
        except OSError as e:
            print(type(e).__name__ if not isinstance(e, PermissionError) else 'refused')
"""


async def hook(pod, port: int, kind: str) -> socket.socket:
    message = {"verb": "listen", "address": "127.0.0.1", "port": port, "type": kind}
    _, (descriptor,) = await ask(str(pod.directory / "shim.sock"), message)
    made = socket.socket(fileno=descriptor)
    made.setblocking(False)
    return made


async def dial(run_shell, pod, *targets: str) -> list[str]:
    words = " ".join(targets)
    _, lines = await run_shell(pod, f'exec python -c "$CODE" {words}', env={"CODE": DIAL})
    return lines


async def test_tcp_to_anywhere_arrives_at_the_hook_with_its_destination(make_pod, run_shell) -> None:
    pod = await make_pod(IP)
    loop = asyncio.get_running_loop()
    with await hook(pod, OUTBOUND_PORT, "stream") as listener:
        running = asyncio.ensure_future(dial(run_shell, pod, "tcp,93.184.216.34,443", "tcp,10.96.4.4,15001"))
        seen = []
        for _ in range(2):
            connection, peer = await loop.sock_accept(listener)
            with connection:
                port, packed = struct.unpack_from(">H4s", connection.getsockopt(socket.SOL_IP, 80, 16), 2)
                seen.append((socket.inet_ntoa(packed), port, peer[0]))
                await loop.sock_sendall(connection, b"hooked")
        assert await running == ["hooked", "hooked"]
    assert seen == [("93.184.216.34", 443, IP), ("10.96.4.4", 15001, IP)]


async def test_dns_arrives_at_its_hook_whatever_server_was_asked(make_pod, run_shell) -> None:
    pod = await make_pod(IP)
    loop = asyncio.get_running_loop()
    with await hook(pod, DNS_PORT, "dgram") as datagrams, await hook(pod, DNS_PORT, "stream") as streams:
        running = asyncio.ensure_future(dial(run_shell, pod, "udp,10.96.0.10,53", "udp,8.8.8.8,53", "tcp,8.8.8.8,53"))
        for _ in range(2):
            data, peer = await loop.sock_recvfrom(datagrams, 100)
            assert data == b"hello"
            await loop.sock_sendto(datagrams, b"name", peer)
        connection, _ = await loop.sock_accept(streams)
        with connection:
            await loop.sock_sendall(connection, b"stream")
        assert await running == ["name", "name", "stream"]


@pytest.mark.parametrize(
    ("target", "answer"),
    [
        ("udp,8.8.8.8,123", "refused"),
        ("udp,10.244.0.9,9999", "refused"),
        (f"tcp,127.0.0.1,{OUTBOUND_PORT}", "ConnectionRefusedError"),
        (f"tcp,{IP},{OUTBOUND_PORT}", "ConnectionRefusedError"),
        (f"tcp,127.0.0.1,{DNS_PORT}", "ConnectionRefusedError"),
        ("tcp,127.0.0.1,9", "ConnectionRefusedError"),
        ("tcp,::1,80", "OSError"),
        ("tcp,2001:db8::1,80", "OSError"),
    ],
)
async def test_what_no_hook_carries_is_refused_at_once(make_pod, run_shell, target: str, answer: str) -> None:
    pod = await make_pod(IP)
    with await hook(pod, OUTBOUND_PORT, "stream"):
        found = await dial(run_shell, pod, target)
    assert found in ([answer], ["refused"]) if target.startswith("udp") else found == [answer]


async def test_abstract_sockets_and_interfaces_of_the_host_are_elsewhere(make_pod, run_shell) -> None:
    pod = await make_pod(IP)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("\0pm-test-abstract")
        listener.listen()
        code = (
            "import socket; print([n for _, n in socket.if_nameindex()]);"
            "s = socket.socket(socket.AF_UNIX); print(s.connect_ex(chr(0) + 'pm-test-abstract'))"
        )
        _, lines = await run_shell(pod, 'exec python -c "$CODE"', env={"CODE": code})
    assert lines[0].startswith("['lo'") and "eth" not in lines[0]
    assert lines[1] == "111"


async def test_low_ports_and_dual_stack_listeners(make_pod, run_shell) -> None:
    pod = await make_pod(IP)
    code = (
        "import socket; s = socket.create_server(('::', 80), family=socket.AF_INET6, dualstack_ipv6=True);"
        f"c = socket.create_connection(('{IP}', 80)); print(s.accept()[1][0])"
    )
    _, lines = await run_shell(pod, 'exec python -c "$CODE"', env={"CODE": code})
    assert lines == [f"::ffff:{IP}"]
