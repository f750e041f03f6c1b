"""`mesh explain`: which rule decides about a request, and why the others did not. From files; needs no mesh."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import msgspec

from mesh.cli.manifest import texts
from mesh.cli.output import Failure, emit, output_option
from mesh.istio.values import mapping
from mesh.offline.documents import Document, read_documents
from mesh.offline.explain import Answer, RefusedConfiguration
from mesh.offline.explain import explain as ask
from mesh.offline.origin import Origins, with_source
from mesh.offline.request import Request, read_requests
from mesh.registry.state import MeshState

PORTS = {"http": 80, "https": 443}
OPTIONAL = ("listener", "filter_chain", "route_config", "virtual_host", "route", "cluster", "status", "error")


@click.command(epilog="Example: mesh explain -f routes/ --from shop/cart-1 --request 'GET http://reviews:9080/x'")
@click.option("-f", "--filename", "paths", multiple=True, required=True, help="File, directory, or - for input.")
@click.option("--from", "source", help="Caller: a pod or Deployment, [NAMESPACE/]NAME, or gateway.")
@click.option("--request", "line", help="METHOD URL.")
@click.option("-H", "--header", "headers", multiple=True, help="'name: value'; host: is the Host header.")
@click.option("--peer", default="", help="SPIFFE id of the caller.")
@click.option("--requests", "batch", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A JSON list.")
@output_option("json", "yaml")
def explain(
    paths: tuple[str, ...], source: str | None, line: str | None, headers: tuple[str, ...], peer: str,
    batch: Path | None, output: str,
) -> None:  # fmt: skip
    """Evaluate the compiled configuration with the data plane's own routing engine."""
    if (batch is None) == (line is None):
        raise click.UsageError("give either --request or --requests")
    documents = [one for path in paths for file, text in texts(path) for one in read_documents(file, text)]
    broken = [f"{one.file}:{one.line}: {one.problem}" for one in documents if one.problem]
    if broken:
        raise Failure("\n".join(broken))
    state = mesh_state(documents)
    requests = (
        _batch(batch)
        if batch is not None
        else [_single(state, documents, source or "gateway", line or "", headers, peer)]
    )
    origins = Origins(documents)
    try:
        answers = [ask(state, request, origins) for request in requests]
    except RefusedConfiguration as refused:
        raise Failure(f"a proxy would refuse this configuration: {refused}\nlook: mesh validate") from refused
    if output != "table":
        emit(answers if batch is not None else answers[0], output)
        return
    for answer in answers:
        _print(answer)


def mesh_state(documents: list[Document]) -> MeshState:
    objects: dict[str, list[dict[str, Any]]] = {}
    for one in documents:
        objects.setdefault(str(one.object["kind"]), []).append(with_source(one))
    return MeshState.build(objects)


def _batch(path: Path) -> list[Request]:
    try:
        return read_requests(path.read_bytes())
    except msgspec.DecodeError as failure:
        raise Failure(f"{path}: {failure}") from failure


def _single(
    state: MeshState, documents: list[Document], source: str, line: str, headers: tuple[str, ...], peer: str
) -> Request:
    method, _, url = line.partition(" ")
    parts = urlsplit(url)
    if parts.scheme not in PORTS or not parts.hostname:
        raise click.UsageError(f"--request: {line!r} is not METHOD http://host[:port]/path")
    written = {name.strip().lower(): value.strip() for name, _, value in (one.partition(":") for one in headers)}
    named = (one for one in state.all_services if _is(one.hostname, parts.hostname or ""))
    address = next((vip for one in named for vip in (*one.addresses, one.auto_allocated) if "/" not in vip), "")
    asked: dict[str, Any] = {
        "method": method,
        "host": written.pop("host", parts.netloc),
        "path": (parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        "port": parts.port or PORTS[parts.scheme],
        "tls": "tls" if parts.scheme == "https" else "plaintext",
        "headers": written,
        "peer": peer,
    }
    if source == "gateway":
        return Request(proxy="gateway", **asked)
    namespace, _, name = source.rpartition("/")
    labels = _labels(state, documents, namespace or "default", name)
    return Request(namespace=namespace or "default", labels=labels, address=address, **asked)


def _labels(state: MeshState, documents: list[Document], namespace: str, name: str) -> dict[str, str]:
    """Of the pod of that name, or of the pods that the Deployment of that name would make."""
    pod = state.workloads.get((namespace, name))
    if pod is not None:
        return dict(pod.labels)
    for one in map(with_source, documents):
        key = one["kind"], one["metadata"]["namespace"], one["metadata"].get("name")
        if key == ("Deployment", namespace, name):
            template = mapping(mapping(mapping(one.get("spec")).get("template")).get("metadata"))
            return dict(mapping(template.get("labels")))
    raise Failure(f"no pod and no Deployment {namespace}/{name} in the files\nname one of them, or `gateway`")


def _is(hostname: str, asked: str) -> bool:
    return hostname == asked or hostname.startswith(f"{asked}.")


def _print(answer: Answer) -> None:
    click.echo(answer["outcome"])
    for key in OPTIONAL:
        if answer[key] is not None:
            click.echo(f"  {key.replace('_', ' ')}: {answer[key]}")
    for rule in answer["rules"]:
        where = f"{rule['file']}:{rule['line']} " if rule["file"] else ""
        name = f"{rule['resource']} rule {rule['index']}" if rule["resource"] else "default route"
        click.echo(
            f"  {'->' if rule['matched'] else '  '} {where}{name}{': ' + rule['reason'] if rule['reason'] else ''}"
        )
    for name, share in answer["shares"].items():
        click.echo(f"  {share:.1%} {name}")
    for endpoint in answer["endpoints"]:
        click.echo(f"  endpoint {endpoint}")
