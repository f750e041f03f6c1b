"""`mesh get`: tables that the server makes, or the objects themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mesh.cli.api import namespace_option, selector_option, split_names, with_client
from mesh.cli.output import emit, output_option, table
from mesh.kube.http import HttpClient
from mesh.kube.kinds import Kind

ACCEPT_TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


@click.command(epilog="Example: mesh get pods -A -o wide")
@click.argument("resource", nargs=-1, required=True, metavar="KIND [NAME]... | KIND/NAME...")
@namespace_option
@click.option("-A", "--all-namespaces", is_flag=True, help="Of all namespaces.")
@selector_option
@output_option("wide", "json", "yaml", "name")
@click.pass_obj
def get(
    home: Path, resource: tuple[str, ...], namespace: str, all_namespaces: bool, selector: str, output: str
) -> None:
    """List objects, or show some."""
    wanted = split_names(resource)
    where = "" if all_namespaces else namespace
    as_table = output in {"table", "wide"}

    async def work(client: HttpClient) -> list[tuple[Kind, str, dict[str, Any]]]:
        return [(kind, name, await _fetch(client, kind, name, where, selector, as_table)) for kind, name in wanted]

    answers = with_client(home, work)
    if as_table:
        _show_tables(answers, wide=output == "wide", all_namespaces=all_namespaces, where=where)
        return
    objects = [obj for kind, name, answer in answers for obj in _objects(kind, name, answer)]
    if output == "name":
        for obj in objects:
            click.echo(f"{obj['kind'].lower()}/{obj['metadata']['name']}")
    elif len(answers) == 1 and answers[0][1]:
        emit(objects[0], output)
    else:
        emit({"apiVersion": "v1", "kind": "List", "items": objects, "metadata": {"resourceVersion": ""}}, output)


async def _fetch(
    client: HttpClient, kind: Kind, name: str, namespace: str, selector: str, as_table: bool
) -> dict[str, Any]:
    query = {"labelSelector": selector} if selector else {}
    accept = ACCEPT_TABLE if as_table else "application/json"
    return await client.request("GET", kind.path(namespace, name), query, headers={"Accept": accept})


def _objects(kind: Kind, name: str, answer: dict[str, Any]) -> list[dict[str, Any]]:
    if name:
        return [answer]
    identity = {"apiVersion": kind.api_version, "kind": kind.kind}
    return [{**identity, **item} for item in answer.get("items") or []]


def _show_tables(
    answers: list[tuple[Kind, str, dict[str, Any]]], *, wide: bool, all_namespaces: bool, where: str
) -> None:
    """One table a kind, the rows of several names under one heading, an empty line between kinds."""
    by_kind: dict[Kind, dict[str, Any]] = {}
    for kind, _, answer in answers:
        if kind in by_kind:
            by_kind[kind]["rows"] = [*by_kind[kind]["rows"], *(answer.get("rows") or [])]
        else:
            by_kind[kind] = answer
    filled = {kind: answer for kind, answer in by_kind.items() if answer.get("rows")}
    if not filled:
        click.echo("No resources found" + (f" in {where} namespace." if where else ""), err=True)
        return
    blocks = []
    for kind, answer in filled.items():
        columns = [i for i, c in enumerate(answer["columnDefinitions"]) if wide or not c.get("priority")]
        headers = [answer["columnDefinitions"][i]["name"].upper() for i in columns]
        prefix = f"{kind.singular_name}/" if len(filled) > 1 else ""
        rows = [[_cell(row["cells"][i], prefix if i == 0 else "") for i in columns] for row in answer["rows"]]
        if all_namespaces and kind.namespaced:
            headers.insert(0, "NAMESPACE")
            for row, source in zip(rows, answer["rows"], strict=True):
                row.insert(0, source["object"]["metadata"].get("namespace", ""))
        blocks.append(table(headers, rows))
    click.echo("\n\n".join(blocks))


def _cell(value: Any, prefix: str) -> str:
    return prefix + ("<none>" if value is None or value == "" else str(value))
