"""`mesh logs`: what a container wrote."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from mesh.cli.api import namespace_option, with_client
from mesh.cli.output import Failure
from mesh.kube.http import HttpClient
from mesh.kube.kinds import DEPLOYMENT, POD
from mesh.kube.objects import Object, annotations_of

DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"


@click.command(epilog="Example: mesh logs deploy/reviews-v1 -c istio-proxy -f")
@click.argument("pod")
@namespace_option
@click.option("-c", "--container", help="Of which container.  [default: the first]")
@click.option("-f", "--follow", is_flag=True, help="Go on printing what comes.")
@click.option("-p", "--previous", is_flag=True, help="Of the container's previous run.")
@click.option("--tail", type=int, help="Only the last lines.")
@click.option("--timestamps", is_flag=True, help="With the time of each line.")
@click.pass_obj
def logs(
    home: Path, pod: str, namespace: str, container: str | None, follow: bool, previous: bool, tail: int | None,
    timestamps: bool,
) -> None:  # fmt: skip
    """Print what a container of POD (or deploy/NAME) wrote."""
    query: dict[str, str] = {}
    for name, value in (("follow", follow), ("previous", previous), ("timestamps", timestamps)):
        if value:
            query[name] = "true"
    if tail is not None:
        query["tailLines"] = str(tail)

    async def work(client: HttpClient) -> None:
        found = await _pod(client, pod, namespace)
        query["container"] = container or _default_container(found)
        path = POD.path(namespace, found["metadata"]["name"], "log")
        async for piece in client.stream(path, query):
            sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()

    with_client(home, work)


async def _pod(client: HttpClient, word: str, namespace: str) -> Object:
    kind, _, name = word.rpartition("/")
    if kind in {"", "pod", "pods", "po"}:
        return await client.get(POD, name, namespace)
    if kind not in {"deploy", "deployment", "deployments", "deployment.apps"}:
        raise Failure(f"logs of a {kind} cannot be had\nname a pod, or deploy/NAME")
    deployment = await client.get(DEPLOYMENT, name, namespace)
    labels = deployment["spec"]["selector"].get("matchLabels") or {}
    pods = await client.list(POD, namespace, label_selector=",".join(f"{k}={v}" for k, v in labels.items()))
    if not pods.items:
        raise Failure(f"{word} has no pods")
    return pods.items[0]


def _default_container(pod: Object) -> str:
    chosen = annotations_of(pod).get(DEFAULT_CONTAINER)
    return chosen or str(pod["spec"]["containers"][0]["name"])
