"""`mesh describe`: one object in words, with its events."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from mesh.cli.api import namespace_option, selector_option, split_names, with_client
from mesh.cli.output import table
from mesh.kube.http import HttpClient
from mesh.kube.kinds import EVENT, Kind
from mesh.kube.objects import Object, uid_of

HIDDEN_METADATA = ("managedFields", "uid", "resourceVersion", "generation", "selfLink")
HIDDEN_ANNOTATIONS = ("kubectl.kubernetes.io/last-applied-configuration",)
HIDDEN_SECTIONS = ("apiVersion", "kind", "metadata")
EVENTS_SHOWN_MAX = 50
SECRET_SECTIONS = ("data", "stringData")


@click.command(epilog="Example: mesh describe pod web-5d9f-x2x1")
@click.argument("resource", nargs=-1, required=True, metavar="KIND NAME... | KIND/NAME...")
@namespace_option
@selector_option
@click.pass_obj
def describe(home: Path, resource: tuple[str, ...], namespace: str, selector: str) -> None:
    """Show objects in words, with their events."""

    async def work(client: HttpClient) -> list[str]:
        texts = []
        for kind, name in split_names(resource):
            where = namespace if kind.namespaced else ""
            found = (
                [await client.get(kind, name, where)]
                if name
                else (await client.list(kind, where, label_selector=selector)).items
            )
            texts += ["\n".join(words(kind, obj, await _events(client, obj))) for obj in found]
        return texts

    click.echo("\n\n\n".join(with_client(home, work)))


async def _events(client: HttpClient, obj: Object) -> list[Object]:
    namespace = obj["metadata"].get("namespace", "")
    selector = f"involvedObject.uid={uid_of(obj)}"
    found = await client.list(EVENT, namespace, field_selector=selector)
    return sorted(found.items, key=lambda event: str(event.get("lastTimestamp") or ""))[-EVENTS_SHOWN_MAX:]


def words(kind: Kind, obj: Object, events: list[Object]) -> Iterator[str]:
    """The object as indented `Name: value` lines in its own order, then its events as a table."""
    meta = {key: value for key, value in obj["metadata"].items() if key not in HIDDEN_METADATA}
    if annotations := meta.get("annotations"):
        meta["annotations"] = {key: value for key, value in annotations.items() if key not in HIDDEN_ANNOTATIONS}
    yield f"Kind:  {kind.kind} ({kind.api_version})"
    yield from _fields(meta, 0)
    for section, value in obj.items():
        if section in HIDDEN_SECTIONS:
            continue
        if kind.kind == "Secret" and section in SECRET_SECTIONS:
            value = {name: f"{len(str(content))} characters" for name, content in (value or {}).items()}  # noqa: PLW2901
        yield f"{_title(section)}:"
        yield from _fields(value, 1)
    yield "Events:" if events else "Events:  <none>"
    if events:
        rows = [
            (event.get("type", ""), event.get("reason", ""), f"x{event.get('count') or 1}", event.get("message", ""))
            for event in events
        ]
        yield from ("  " + line for line in table(("TYPE", "REASON", "COUNT", "MESSAGE"), rows).splitlines())


def _fields(value: Any, depth: int) -> Iterator[str]:
    indent = "  " * depth
    if isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(inner, dict | list) and inner:
                yield f"{indent}{_title(key)}:"
                yield from _fields(inner, depth + 1)
            else:
                yield f"{indent}{_title(key)}:  {_scalar(inner)}"
    elif isinstance(value, list):
        for inner in value:
            if isinstance(inner, dict):
                first, *rest = _fields(inner, depth + 1)
                yield f"{indent}- {first.lstrip()}"
                yield from rest
            else:
                yield f"{indent}- {_scalar(inner)}"
    else:
        yield f"{indent}{_scalar(value)}"


def _title(key: str) -> str:
    """`podIP` -> `Pod IP`; keys of labels and annotations stay as they are."""
    if not key.isidentifier():
        return key
    spaced = "".join(f" {c}" if c.isupper() and i and not key[i - 1].isupper() else c for i, c in enumerate(key))
    return spaced[:1].upper() + spaced[1:]


def _scalar(value: Any) -> str:
    if value is None or value in ({}, [], ""):
        return "<none>"
    return {True: "true", False: "false"}.get(value, str(value)) if isinstance(value, bool) else str(value)
