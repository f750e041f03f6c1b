"""`mesh analyze`: what is wrong between objects, of a running mesh, of files, or of both together."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
import yaml

from mesh.analysis.messages import LEVELS
from mesh.analysis.model import Finding, Resource, World
from mesh.analysis.run import ANALYZERS
from mesh.analysis.run import analyze as run_analyzers
from mesh.cli.api import with_client
from mesh.cli.manifest import texts
from mesh.cli.output import Failure, emit, output_option
from mesh.istio.meta import meta_of
from mesh.istio.values import mapping, text
from mesh.kube.errors import ApiError
from mesh.kube.http import HttpClient
from mesh.kube.kinds import Kind, builtin_registry
from mesh.offline.documents import Document, read_documents

MESH_CONFIG = ("istio-system", "istio")
"""The ConfigMap whose key `mesh` is MeshConfig, as in Istio."""

KINDS = frozenset({
    "Namespace", "Pod", "Service", "Deployment", "DaemonSet", "ConfigMap", "Secret", "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration", "CustomResourceDefinition",
})  # fmt: skip

level_choice = click.Choice(LEVELS, case_sensitive=False)


@click.command(epilog="Example: mesh analyze --offline -f routes/ -f app.yaml --failure-threshold Warning")
@click.option("-f", "--filename", "paths", multiple=True, help="File, directory, or - for input; beside what runs.")
@click.argument("more", nargs=-1, metavar="[PATH]...")
@click.option("--offline", is_flag=True, help="Look at the files only.")
@click.option("--analyzer", "names", multiple=True, type=click.Choice(sorted(ANALYZERS)), help="Only this one.")
@click.option("-S", "--suppress", multiple=True, help='Do not tell, e.g. "IST0103=Pod web-*.shop".')
@click.option("--failure-threshold", default="Error", show_default=True, type=level_choice, help="Exit 1 from here.")
@click.option("--output-threshold", default="Info", show_default=True, type=level_choice, help="Tell from here.")
@output_option("json", "yaml")
@click.pass_obj
def analyze(
    home: Path, paths: tuple[str, ...], more: tuple[str, ...], offline: bool, names: tuple[str, ...],
    suppress: tuple[str, ...], failure_threshold: str, output_threshold: str, output: str,
) -> None:  # fmt: skip
    """Istio's analysis messages (IST0101 ...) with file, line and path of each."""
    if offline and not (paths or more):
        raise click.UsageError("--offline needs files: -f PATH")
    files = [one for path in (*paths, *more) for file, content in texts(path) for one in read_documents(file, content)]
    broken = [one for one in files if one.problem]
    if broken:
        raise Failure("\n".join(f"{one.file}:{one.line}: {one.problem}" for one in broken))
    live = [] if offline else with_client(home, _live)
    found = run_analyzers(world(live, files), names, suppress)
    shown = [one for one in found if LEVELS.index(one.level) >= LEVELS.index(output_threshold.capitalize())]
    _print(shown, output)
    failing = any(LEVELS.index(one.level) >= LEVELS.index(failure_threshold.capitalize()) for one in found)
    raise SystemExit(1 if failing else 0)


def world(live: Iterable[Document], files: Iterable[Document]) -> World:
    """Files stand in place of the running objects of the same kind and name."""
    merged: dict[tuple[str, str, str, str], Resource] = {}
    for document in (*live, *files):
        one = Resource(document)
        merged[one.group, one.kind, one.namespace, one.name] = one
    resources = tuple(merged.values())
    config = next(
        (one for one in resources if one.kind == "ConfigMap" and (one.namespace, one.name) == MESH_CONFIG), None
    )
    written = text(mapping(config.object.get("data")).get("mesh")) if config else ""
    return World(resources, mapping(yaml.safe_load(written)) if written else {})


async def _live(client: HttpClient) -> list[Document]:
    found: list[Document] = []
    for kind in builtin_registry():
        istio = kind.group.endswith("istio.io") and kind.version == _newest(kind)
        if not istio and (kind.kind not in KINDS or "list" not in kind.verbs):
            continue
        try:
            answer: dict[str, Any] = await client.request("GET", kind.path(None))
        except ApiError as refused:
            if refused.not_found:
                continue
            raise
        for item in answer.get("items") or []:
            obj = {"apiVersion": kind.api_version, "kind": kind.kind, **item}
            meta = meta_of(obj)
            found.append(Document(obj, meta.file, meta.line))
    return found


def _newest(kind: Kind) -> str:
    """Every version shows the same objects: one of them is enough."""
    return next(one.version for one in builtin_registry() if (one.group, one.kind) == (kind.group, kind.kind))


def _print(found: list[Finding], output: str) -> None:
    if output != "table":
        emit([one.as_json() for one in found], output)
        return
    for one in found:
        document = one.resource.document
        place = f" {document.file}:{document.line_of(one.path)}" if document.file else ""
        click.echo(f"{one.level} [{one.code}] ({one.resource.label}{place}) {one.message}")
    if not found:
        click.echo("No validation issues found.")
