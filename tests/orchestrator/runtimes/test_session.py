"""Goal: streams reach a command and come back, and its end is heard. Method: real sandboxes."""

from __future__ import annotations

import asyncio
import os

import pytest

from orchestrator.runtimes.base import ContainerSpec, RuntimeFailure
from orchestrator.runtimes.sandbox import ProcessSandbox
from orchestrator.runtimes.session import read_some, start_session, write_all
from tests.orchestrator.conftest import MakePod

pytestmark = pytest.mark.integration


@pytest.fixture
async def sandbox(make_pod: MakePod) -> ProcessSandbox:
    made = await make_pod("10.244.0.41")
    await made.start_container(ContainerSpec("main", ("sleep", "300"), "main/0.log"))
    return made


async def test_input_output_errors_and_exit_code(sandbox: ProcessSandbox) -> None:
    session = sandbox.attached("main", ["sh", "-c", "cat; echo bad >&2; exit 5"], terminal=False)
    assert await write_all(session.stdin, b"through")
    session.close_stdin()
    assert await read_some(session.stdout) == b"through"
    assert session.stderr is not None
    assert await read_some(session.stderr) == b"bad\n"
    assert await read_some(session.stdout) == b""
    assert await session.wait() == 5
    session.close()


async def test_a_terminal_is_one_and_can_be_resized(sandbox: ProcessSandbox) -> None:
    session = sandbox.attached("main", ["sh", "-c", "read x; stty size"], terminal=True)
    session.resize(120, 40)
    assert session.stderr is None
    assert await write_all(session.stdin, b"go\n")
    seen = b""
    while data := await read_some(session.stdout):
        seen += data
    assert b"40 120" in seen
    assert await session.wait() == 0
    session.close()


async def test_closing_ends_the_command(sandbox: ProcessSandbox) -> None:
    session = sandbox.attached("main", ["sh", "-c", "echo $$; exec sleep 300"], terminal=False)
    pid = (await read_some(session.stdout)).decode().strip()
    session.close()
    async with asyncio.timeout(10):
        while (await sandbox.execute("main", ["kill", "-0", pid], timeout_s=5)).exit_code == 0:
            await asyncio.sleep(0.01)


async def test_what_cannot_be_started_says_why(sandbox: ProcessSandbox) -> None:
    for name, argv, why in (("main", ["nope"], "not found in"), ("other", ["true"], "not running")):
        session = sandbox.attached(name, argv, terminal=False)
        with pytest.raises(RuntimeFailure, match=why):
            await session.wait()
        session.close()
    with pytest.raises(RuntimeFailure, match="no-such"):
        start_session("/no-such", {"verb": "exec"}, terminal=False)


async def test_pipes_fill_and_break() -> None:
    read, write = os.pipe2(os.O_NONBLOCK)
    writing = asyncio.ensure_future(write_all(write, b"x" * 200_000))
    seen = 0
    while seen < 200_000:
        seen += len(await read_some(read))
    assert await writing
    os.close(read)
    assert not await write_all(write, b"x")
    os.close(write)
