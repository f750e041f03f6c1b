"""`mesh apply`: make the cluster's objects what the files say.

The same three-way merge as kubectl's client-side apply: what the last applied manifest had and this one has not is
removed, what this one has is set, what others set in between stays. The last applied manifest is the annotation
that kubectl uses, so both tools can take turns.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import click

from mesh.cli.api import with_client
from mesh.cli.manifest import Document, load
from mesh.cli.output import Failure
from mesh.kube.errors import ApiError
from mesh.kube.http import HttpClient
from mesh.kube.objects import Object

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
SOURCE = "pocketmesh.io/source"
FIELD_MANAGER = "mesh-apply"


@click.command(epilog="Example: mesh apply -f app.yaml -f routes/")
@click.option("-f", "--filename", "paths", multiple=True, required=True, help="File, directory, or - for input.")
@click.option("-n", "--namespace", help="For objects that name none.  [default: default]")
@click.option("--dry-run", is_flag=True, help="Let the server check everything; store nothing.")
@click.pass_obj
def apply(home: Path, paths: tuple[str, ...], namespace: str | None, dry_run: bool) -> None:
    """Create or update objects from files, in the order of the files."""
    documents = load(paths, namespace)
    if not documents:
        raise Failure(f"no objects in {', '.join(paths)}")

    async def work(client: HttpClient) -> list[str]:
        client.on_warning = lambda text: click.echo(f"Warning: {text}", err=True)
        refused = []
        for document in documents:
            try:
                done = await apply_one(client, document, dry_run=dry_run)
                click.echo(f"{document.label} {done}{' (dry run)' if dry_run else ''}")
            except ApiError as failure:
                refused.append(f"{document.where}: {failure.message}")
        return refused

    if refused := with_client(home, work):
        raise Failure("\n".join(refused))


async def apply_one(client: HttpClient, document: Document, *, dry_run: bool = False) -> str:
    """`created`, `configured` or `unchanged`; `ApiError` when the server refuses."""
    wanted = with_bookkeeping(document)
    meta = wanted["metadata"]
    name, namespace = meta.get("name") or "", meta.get("namespace", "")
    try:
        live = await client.get(document.kind, name, namespace)
    except ApiError as failure:
        if not failure.not_found:
            raise
        await client.create(document.kind, wanted, namespace, field_validation="Strict", dry_run=dry_run)
        return "created"
    last = json.loads((live["metadata"].get("annotations") or {}).get(LAST_APPLIED) or "{}")
    patch = three_way_patch(last, wanted, live)
    if not patch:
        return "unchanged"
    await client.patch(
        document.kind, name, patch, namespace,
        patch_type="merge", field_manager=FIELD_MANAGER, field_validation="Strict", dry_run=dry_run,
    )  # fmt: skip
    return "configured"


def with_bookkeeping(document: Document) -> Object:
    """The object with the annotations that say what was applied, and from which file and line."""
    wanted = copy.deepcopy(document.object)
    annotations = wanted["metadata"].setdefault("annotations", {})
    if annotations is None:
        annotations = wanted["metadata"]["annotations"] = {}
    if document.kind.group.endswith("istio.io"):
        annotations[SOURCE] = document.where
    annotations[LAST_APPLIED] = json.dumps(document.object, separators=(",", ":")) + "\n"
    return wanted


def three_way_patch(last: Any, wanted: Any, live: Any) -> dict[str, Any]:
    """The RFC 7396 patch that turns `live` into `wanted`, dropping what only `last` had; {} when nothing differs."""
    patch: dict[str, Any] = {}
    for key, value in wanted.items():
        current = live.get(key)
        if isinstance(value, dict) and isinstance(current, dict):
            before = last.get(key) if isinstance(last.get(key), dict) else {}
            if inner := three_way_patch(before, value, current):
                patch[key] = inner
        elif value is not None and not covers(current, value):
            patch[key] = value
    patch.update({key: None for key in last if key not in wanted and key in live})
    return patch


def covers(live: Any, wanted: Any) -> bool:
    """True when `live` is `wanted` plus what the server filled in, so that sending it again would change nothing."""
    if isinstance(wanted, dict) and isinstance(live, dict):
        return all(key in live and covers(live[key], value) for key, value in wanted.items() if value is not None)
    if isinstance(wanted, list) and isinstance(live, list):
        return len(wanted) == len(live) and all(map(covers, live, wanted))
    return bool(live == wanted)
