"""`mesh scale`: how many replicas a workload has."""

from __future__ import annotations

from pathlib import Path

import click

from mesh.cli.api import namespace_option, split_names, with_client
from mesh.cli.output import Failure
from mesh.kube.http import HttpClient


@click.command(epilog="Example: mesh scale deploy/reviews-v2 --replicas=3")
@click.argument("resource", nargs=-1, required=True, metavar="KIND NAME... | KIND/NAME...")
@click.option("--replicas", type=click.IntRange(min=0), required=True, help="How many.")
@click.option("--current-replicas", type=click.IntRange(min=0), help="Only when it has so many now.")
@namespace_option
@click.pass_obj
def scale(home: Path, resource: tuple[str, ...], replicas: int, current_replicas: int | None, namespace: str) -> None:
    """Set the number of replicas."""
    targets = split_names(resource)
    for kind, name in targets:
        if not name or "scale" not in kind.subresources:
            raise Failure(f"{kind.plural} cannot be scaled" if name else f"which of the {kind.plural}? give a name")

    async def work(client: HttpClient) -> None:
        for kind, name in targets:
            patch: dict[str, object] = {"spec": {"replicas": replicas}}
            if current_replicas is not None:
                found = await client.get(kind, name, namespace, subresource="scale")
                has = found["spec"].get("replicas", 0)
                if has != current_replicas:
                    raise Failure(f"expected {name} to have {current_replicas} replicas, it has {has}")
                patch["metadata"] = {"resourceVersion": found["metadata"]["resourceVersion"]}
            await client.patch(kind, name, patch, namespace, subresource="scale")
            click.echo(f"{kind.singular_name}/{name} scaled")

    with_client(home, work)
