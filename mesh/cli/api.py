"""One client of the mesh's Kubernetes API for every command, and what its failures look like to people."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import click

from mesh.cli.home import DOWN, running
from mesh.cli.output import Failure
from mesh.kube.errors import ApiError
from mesh.kube.http import HttpClient
from mesh.kube.kinds import Kind, builtin_registry

T = TypeVar("T")


@contextmanager
def api_failures() -> Iterator[None]:
    """The server's refusals and an absent server become a `Failure`."""
    try:
        yield
    except ApiError as refused:
        raise Failure(f"{refused.message} ({refused.reason})") from refused
    except OSError as failure:
        raise Failure(f"the API server does not answer: {failure}\nlook: mesh status", code=DOWN) from failure


def with_client(home: Path, work: Callable[[HttpClient], Awaitable[T]]) -> T:
    """Run `work` with a client; the server's refusals and an absent server become a `Failure`."""
    kubeconfig = running(home).kubeconfig

    async def run() -> T:
        client = HttpClient.from_kubeconfig(kubeconfig)
        try:
            return await work(client)
        finally:
            await client.close()

    with api_failures():
        return asyncio.run(run())


def kind_of(word: str) -> Kind:
    """`po`, `pods`, `deployment`, `deployments.apps` ...: the kind, or a `Failure` that says where to look."""
    kind = builtin_registry().word(word)
    if kind is None:
        raise Failure(f'the server has no resource "{word}"\nsee them: kubectl api-resources')
    return kind


def split_names(arguments: tuple[str, ...]) -> list[tuple[Kind, str]]:
    """`pod a b` or `pod/a svc/b`: pairs of kind and name; the name is "" for all of a kind."""
    if any("/" in argument for argument in arguments):
        pairs = [argument.split("/", 1) for argument in arguments]
        if any(len(pair) != 2 for pair in pairs):
            raise click.UsageError("give either KIND NAME... or KIND/NAME..., not both")
        return [(kind_of(kind), name) for kind, name in pairs]
    kinds, names = arguments[0].split(","), arguments[1:]
    return [(kind_of(kind), name) for kind in kinds for name in (names or ("",))]


namespace_option = click.option("-n", "--namespace", default="default", show_default=True, help="Of what namespace.")
selector_option = click.option("-l", "--selector", default="", help="Only with these labels, e.g. app=web.")
