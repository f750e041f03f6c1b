"""How words become kinds, and what a server that is not there looks like."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from mesh.cli.api import kind_of, split_names, with_client
from mesh.cli.home import DOWN
from mesh.cli.output import Failure
from mesh.kube.kinds import DEPLOYMENT, POD, SERVICE, VIRTUAL_SERVICE
from tests.mesh.cli.conftest import write_state


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("pods",), [(POD, "")]),
        (("po", "a", "b"), [(POD, "a"), (POD, "b")]),
        (("pod,svc",), [(POD, ""), (SERVICE, "")]),
        (("pod/a", "deployment.apps/b"), [(POD, "a"), (DEPLOYMENT, "b")]),
        (("vs", "x"), [(VIRTUAL_SERVICE, "x")]),
    ],
)
def test_words(arguments: tuple[str, ...], expected: object) -> None:
    assert split_names(arguments) == expected


def test_unknown_and_mixed_words() -> None:
    with pytest.raises(Failure, match="no resource"):
        kind_of("frobs")
    with pytest.raises(click.UsageError):
        split_names(("pod/a", "b"))


async def nothing(_client: object) -> None:
    raise AssertionError("there is no server")


def test_no_mesh(tmp_path: Path) -> None:
    with pytest.raises(Failure) as failure:
        with_client(tmp_path, nothing)
    assert failure.value.exit_code == DOWN


def test_a_server_that_is_gone(tmp_path: Path) -> None:
    write_state(tmp_path)
    (tmp_path / "kubeconfig").write_text(
        "clusters: [{name: a, cluster: {server: 'https://127.0.0.1:1'}}]\n"
        "users: [{name: a, user: {token: t}}]\ncontexts: [{name: a, context: {cluster: a, user: a}}]\n"
        "current-context: a\n"
    )

    async def ask(client: object) -> None:
        await client.get(POD, "x", "default")  # type: ignore[attr-defined]

    with pytest.raises(Failure, match="does not answer") as failure:
        with_client(tmp_path, ask)
    assert failure.value.exit_code == DOWN
