"""Dials that end well, badly, late, or not at all."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path

import pytest

from sidecar.net.addresses import Endpoint
from sidecar.net.dial import ClientTls, Dial, Dialled, Failed, Plan, Sessions, tls_failure
from sidecar.net.dispatcher import Dispatcher
from sidecar.net.sandbox import Shim
from sidecar.protocol.proxy_v2 import LOCAL
from tests.sidecar.certificates import Authority
from tests.sidecar.net.shims import FakeShim


async def dialled(plan: Plan) -> Dialled | Failed:
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Dialled | Failed] = loop.create_future()
    Dial(Dispatcher(loop), plan, done.set_result).start()
    return await asyncio.wait_for(done, 5)


async def test_tcp_with_a_prologue() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        got = await dialled(Plan(Endpoint(*server.getsockname()), prologue=b"PROXY"))
        assert isinstance(got, Dialled)
        accepted, _ = server.accept()
        assert accepted.recv(100) == b"PROXY"
        accepted.close()
        got.sock.close()


async def test_pipe(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        assert await dialled(Plan(Endpoint(str(tmp_path / "s")))) == Failed("delayed_connect_error:_Connection_refused")
        server.listen(1)
        got = await dialled(Plan(Endpoint(str(tmp_path / "s"))))
        assert isinstance(got, Dialled)
        got.sock.close()
    absent = await dialled(Plan(Endpoint(str(tmp_path / "absent"))))
    assert absent == Failed("delayed_connect_error:_No_such_file_or_directory")


async def test_refused_and_late() -> None:
    assert await dialled(Plan(Endpoint("127.0.0.1", 1))) == Failed("delayed_connect_error:_Connection_refused")
    with socket.create_server(("127.0.0.1", 0)) as server:  # accepts, but never shakes hands
        tls = ClientTls(lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), "a.test")
        late = await dialled(Plan(Endpoint(*server.getsockname()), connect_timeout_s=0.05, tls=tls))
        assert late == Failed("", timeout=True)
        missing = await dialled(Plan(Endpoint(*server.getsockname()), tls=ClientTls(lambda: None)))
        assert missing == Failed("TLS_error:_Secret_is_not_supplied_by_SDS")


async def test_a_peer_that_speaks_no_tls() -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await reader.read()
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    tls = ClientTls(lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), "a.test")
    got = await dialled(Plan(Endpoint(*server.sockets[0].getsockname()), tls=tls))
    assert isinstance(got, Failed)
    assert got.reason.startswith("TLS_error:|")
    server.close()


async def test_from_inside_a_pod(tmp_path: Path) -> None:
    fake = FakeShim(tmp_path / "shim")
    shim = Shim(asyncio.get_running_loop(), fake.path)
    with socket.create_server(("127.0.0.1", 0)) as server:
        got = await dialled(Plan(Endpoint(*server.getsockname()), shim=shim, source=Endpoint("127.0.0.1")))
        assert isinstance(got, Dialled)
        got.sock.close()
    assert fake.verbs == [{"verb": "socket", "type": "stream"}]
    shim.close()
    fake.close()


async def test_cancelled_dials_are_silent() -> None:
    loop = asyncio.get_running_loop()
    outcomes: list[Dialled | Failed] = []
    dial = Dial(Dispatcher(loop), Plan(Endpoint("127.0.0.1", 1)), outcomes.append)
    dial.start()
    dial.cancel()
    await asyncio.sleep(0.05)
    assert outcomes == []
    assert tls_failure(OSError(104, "Connection reset by peer")) == "TLS_error:_Connection_reset_by_peer"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize(("most", "resumed"), [(1, True), (0, False)])
async def test_sessions_are_resumed(tmp_path: Path, version: ssl.TLSVersion, most: int, resumed: bool) -> None:
    authority = Authority()
    secret = authority.issue("a.test")
    (tmp_path / "chain").write_bytes(secret.certificate_chain)
    (tmp_path / "key").write_bytes(secret.private_key)
    listening = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    listening.load_cert_chain(tmp_path / "chain", tmp_path / "key")
    listening.maximum_version = version

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        await reader.read()
        writer.close()

    def trusting() -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=authority.pem.decode())
        return context

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=listening)
    contexts = [trusting(), trusting()]
    current = contexts[0]
    tls = ClientTls(lambda: current, "a.test", sessions=Sessions(most))
    plan = Plan(Endpoint(*server.sockets[0].getsockname()), tls=tls)
    reused = []
    for number in range(3):
        if number == 2:
            current = contexts[1]  # another trust: nothing is resumed
        got = await dialled(plan)
        assert isinstance(got, Dialled)
        assert isinstance(got.sock, ssl.SSLSocket)
        got.sock.settimeout(5)
        assert await asyncio.to_thread(got.sock.recv, 5) == b"hello"
        reused.append(got.sock.session_reused)
        tls.sessions.keep(got.sock)
        got.sock.close()
    assert reused == [False, resumed, False]
    server.close()


async def test_a_connection_of_our_own_introduces_itself() -> None:
    seen: asyncio.Queue[bytes] = asyncio.Queue()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.put_nowait(await reader.readuntil(b"\n"))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    for version in ("V1", "V2"):
        got = await dialled(Plan(Endpoint("127.0.0.1", port), proxy=version))
        assert isinstance(got, Dialled)
        own = got.sock.getsockname()[1]
        header = await asyncio.wait_for(seen.get(), 5)
        expected = b"PROXY TCP4 127.0.0.1 127.0.0.1 %d %d\r\n" % (own, port) if version == "V1" else LOCAL
        assert expected.startswith(header)
        got.sock.close()
    server.close()
