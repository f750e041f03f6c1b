"""`mesh delete`: by file or by name; returns when the objects are gone."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from mesh.cli.api import namespace_option, selector_option, split_names, with_client
from mesh.cli.manifest import load
from mesh.cli.output import Failure
from mesh.kube.errors import ApiError
from mesh.kube.http import HttpClient
from mesh.kube.kinds import Kind
from mesh.kube.objects import key_of, uid_of

POLL_S = 0.1
GONE_WAIT_S = 120.0

Target = tuple[Kind, str, str]


@click.command(epilog="Example: mesh delete -f app.yaml   or   mesh delete pod web-0")
@click.argument("resource", nargs=-1, metavar="[KIND NAME... | KIND/NAME...]")
@click.option("-f", "--filename", "paths", multiple=True, help="Delete what these files name.")
@namespace_option
@selector_option
@click.option("--all", "everything", is_flag=True, help="All of the kind in the namespace.")
@click.option("--grace-period", type=int, help="Seconds until a pod is killed; 0 = at once.")
@click.option("--ignore-not-found", is_flag=True, help="What is not there counts as deleted.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Return when the objects are gone.")
@click.pass_obj
def delete(
    home: Path,
    resource: tuple[str, ...],
    paths: tuple[str, ...],
    namespace: str,
    selector: str,
    everything: bool,
    grace_period: int | None,
    ignore_not_found: bool,
    wait: bool,
) -> None:
    """Delete objects by file or by name."""
    if bool(resource) == bool(paths):
        raise click.UsageError("give either -f FILE or KIND NAME")

    async def work(client: HttpClient) -> list[str]:
        targets = await _targets(client, resource, paths, namespace, selector, everything)
        missing = []
        for kind, name, where in targets:
            try:
                uid = await _delete(client, (kind, name, where), grace_period)
                click.echo(f'{kind.singular_name} "{name}" deleted')
                if wait:
                    await _gone(client, (kind, name, where), uid)
            except ApiError as failure:
                if not failure.not_found:
                    raise
                missing.append(failure.message)
        return missing

    missing = with_client(home, work)
    if missing and not ignore_not_found:
        raise Failure("\n".join(missing))


async def _targets(
    client: HttpClient,
    resource: tuple[str, ...],
    paths: tuple[str, ...],
    namespace: str,
    selector: str,
    everything: bool,
) -> list[Target]:
    if paths:
        documents = load(paths)
        keys = [(doc.kind, key_of(doc.object)) for doc in reversed(documents)]
        return [(kind, name, where) for kind, (where, name) in keys]
    targets: list[Target] = []
    for kind, name in split_names(resource):
        where = namespace if kind.namespaced else ""
        if name:
            targets.append((kind, name, where))
            continue
        if not selector and not everything:
            raise Failure(f"which {kind.plural}?\nname them, or give -l LABEL=VALUE or --all")
        found = await client.list(kind, where, label_selector=selector)
        targets += [(kind, item["metadata"]["name"], where) for item in found.items]
    return targets


async def _delete(client: HttpClient, target: Target, grace_period: int | None) -> str:
    kind, name, where = target
    live = await client.get(kind, name, where)
    await client.delete(kind, name, where, grace_period_s=grace_period, propagation_policy="Background")
    return uid_of(live)


async def _gone(client: HttpClient, target: Target, uid: str) -> None:
    kind, name, where = target
    async with asyncio.timeout(GONE_WAIT_S):
        while True:
            try:
                if uid_of(await client.get(kind, name, where)) != uid:
                    return
            except ApiError as failure:
                if failure.not_found:
                    return
                raise
            await asyncio.sleep(POLL_S)
