"""kubectl exec and cp into a real container: streams, exit codes, terminals; every kubectl that speaks WebSocket."""

from __future__ import annotations

import asyncio
import os
import pty
import re
from pathlib import Path

import pytest

from mesh.kube.kinds import POD
from orchestrator.api.server import ApiServer
from tests.orchestrator.conftest import MakePod
from tests.support.api_objects import pod
from tests.support.kubectl import TIMEOUT_S, Kubectl, command, require
from tests.support.pod_node import PodNode

pytestmark = pytest.mark.integration


@pytest.fixture(params=["1.30", "1.31", "1.32", "1.33"])
def program(request: pytest.FixtureRequest) -> str:
    return require(request.param)


@pytest.fixture
async def kubectl(server: ApiServer, make_pod: MakePod, tmp_path: Path, program: str) -> Kubectl:
    node = PodNode(await make_pod("10.244.0.40"))
    await node.run("main", "sleep", "300")
    server.set_node_backend(node)
    await server.local_client.create(POD, pod("p"), "default")
    # kubectl answers with 400 itself for a pod that has ended; a running one says so.
    await server.local_client.patch(POD, "p", {"status": {"phase": "Running"}}, "default", subresource="status")
    return command(program, tmp_path)


COMMANDS = [
    ("exec p -- echo hello world", "", 0, r"^hello world\n$", r"^$"),
    ("exec p -- sh -c exit\t7", "", 7, r"^$", r"command terminated with exit code 7"),
    ("exec p -- sh -c echo\to;echo\te>&2", "", 0, r"^o\n$", r"^e\n$"),
    ("exec p -- sh -c kill\t-9\t$$", "", 137, r"^$", r"exit code 137"),
    ("exec -i p -- cat", "line\n" * 5000, 0, r"^(line\n){5000}$", r"^$"),
    ("exec -i p -c main -- wc -c", "x" * 300_000, 0, r"^ *300000\n$", r"^$"),
    ("exec p -- nope", "", 1, r"^$", r'exec: "nope": executable file not found in \$PATH'),
    ("exec p -c other -- true", "", 1, r"^$", r"container other is not valid for pod p|container not found"),
    ("exec q -- true", "", 1, r"^$", r'pods "q" not found'),
]  # fmt: skip


async def test_a_table_of_commands(kubectl: Kubectl) -> None:
    for words, stdin, code, out, err in COMMANDS:
        result = await kubectl(*(word.replace("\t", " ") for word in words.split(" ")), stdin=stdin)
        assert result.code == code, f"{words}: {result}"
        assert re.search(out, result.out) and re.search(err, result.err), f"{words}: {result}"


async def test_copying_both_ways(kubectl: Kubectl, tmp_path: Path) -> None:
    data = os.urandom(3_000_000)
    (tmp_path / "there").write_bytes(data)
    # A pod of an ordinary user has one id: files cannot be given to another, as tar's default for root would have it.
    how = () if os.getuid() == 0 else ("--no-preserve",)
    sent = await kubectl("cp", *how, str(tmp_path / "there"), "p:/tmp/there")
    assert sent.code == 0, sent
    fetched = await kubectl("cp", "p:/tmp/there", str(tmp_path / "back"))
    assert fetched.code == 0, fetched
    assert (tmp_path / "back").read_bytes() == data


async def test_a_terminal_has_a_size_and_takes_input(kubectl: Kubectl, program: str, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        program, "exec", "-it", "p", "--", "sh", "-c", "read x; echo got $x; test -t 0 && stty size; exit 3",
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        env={**os.environ, "KUBECONFIG": str(tmp_path / "kubeconfig"), "HOME": str(tmp_path)},
    )  # fmt: skip
    os.close(theirs)
    os.write(ours, b"word\n")
    assert await asyncio.wait_for(process.wait(), TIMEOUT_S) == 3
    output = os.read(ours, 65536).decode()
    os.close(ours)
    assert "got word\r\n" in output
    assert re.search(r"\d+ \d+\r\n", output)
