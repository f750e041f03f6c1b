"""`mesh proxy-status` and `mesh proxy-config`: what each proxy was told, and what it said to that."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import click

from mesh.cli.debug import ask
from mesh.cli.home import running
from mesh.cli.output import Failure, emit, output_option, table

TYPES = ("cds", "lds", "eds", "rds")


@click.command("proxy-status", epilog="Example: mesh proxy-status -o json")
@output_option("json", "yaml")
@click.pass_obj
def proxy_status(home: Path, output: str) -> None:
    """Which configuration each proxy has acknowledged.

    SYNCED: acknowledged. STALE: sent, not yet acknowledged. NOT_SENT: nothing to send. ERROR: refused, and why.
    """
    found = asyncio.run(ask(running(home), "syncz"))
    if output != "table":
        emit(found, output)
        return
    rows = [[entry["proxy"], entry["type"], *(entry[kind]["status"] for kind in TYPES)] for entry in found]
    click.echo(table(("PROXY", "TYPE", *(kind.upper() for kind in TYPES)), rows))
    for entry in found:
        for kind in TYPES:
            if error := entry[kind].get("error"):
                click.echo(f"{entry['proxy']} {kind.upper()} refused: {error['path']}: {error['message']}", err=True)


@click.command("proxy-config", epilog="Example: mesh proxy-config route productpage-v1-5d9f-x2x1 -o json")
@click.argument("what", type=click.Choice(["listener", "route", "cluster", "endpoint"]))
@click.argument("pod")
@click.option("-n", "--namespace", default="default", show_default=True)
@output_option("json", "yaml")
@click.pass_obj
def proxy_config(home: Path, what: str, pod: str, namespace: str, output: str) -> None:
    """The listeners, routes, clusters or endpoints of the proxy of POD (or POD.NAMESPACE)."""
    proxy = pod if "." in pod else f"{pod}.{namespace}"
    dump = asyncio.run(ask(running(home), "config_dump", {"proxy": proxy}))
    resources = _resources(dump, what)
    if resources is None:
        raise Failure(f"the control plane knows no proxy {proxy}\nlist them: mesh proxy-status")
    if output != "table":
        emit(resources, output)
        return
    headers, row = VIEWS[what]
    click.echo(table(headers, (cells for resource in resources for cells in row(resource))))


def _resources(dump: Any, what: str) -> list[dict[str, Any]] | None:
    """`{listeners: [...], clusters: [...], routes: [...], endpoints: [...]}`, each a list of Envoy resources."""
    found = (dump or {}).get(f"{what}s")
    return list(found) if found is not None else None


def _address(address: dict[str, Any]) -> str:
    if pipe := address.get("pipe"):
        return str(pipe["path"])
    plain = address.get("socket_address") or {}
    return f"{plain.get('address', '')}:{plain.get('port_value', '')}"


def _listener_rows(listener: dict[str, Any]) -> list[list[str]]:
    chains = [*(listener.get("filter_chains") or []), *filter(None, [listener.get("default_filter_chain")])]
    return [[listener["name"], _address(listener.get("address") or {}), str(len(chains))]]


def _route_rows(config: dict[str, Any]) -> list[list[str]]:
    return [
        [config["name"], host["name"], _match(route.get("match") or {}), _target(route)]
        for host in config.get("virtual_hosts") or []
        for route in host.get("routes") or []
    ]


def _match(match: dict[str, Any]) -> str:
    for kind in ("prefix", "path", "path_separated_prefix"):
        if kind in match:
            return f"{match[kind]}{'*' if kind != 'path' else ''}"
    return f"regex {match['safe_regex']['regex']}" if "safe_regex" in match else "*"


def _target(route: dict[str, Any]) -> str:
    action = route.get("route") or {}
    if "cluster" in action:
        return str(action["cluster"])
    if weighted := action.get("weighted_clusters"):
        return ", ".join(f"{part['name']} {part.get('weight', 0)}" for part in weighted["clusters"])
    if "redirect" in route:
        return "redirect"
    return f"direct {route['direct_response']['status']}" if "direct_response" in route else ""


def _cluster_rows(cluster: dict[str, Any]) -> list[list[str]]:
    return [[cluster["name"], cluster.get("type", "STATIC"), cluster.get("lb_policy", "ROUND_ROBIN")]]


def _endpoint_rows(assignment: dict[str, Any]) -> list[list[str]]:
    rows = []
    for locality in assignment.get("endpoints") or []:
        for entry in locality.get("lb_endpoints") or []:
            endpoint = entry.get("endpoint") or {}
            original = ((entry.get("metadata") or {}).get("filter_metadata") or {}).get(
                "envoy.filters.listener.original_dst"
            ) or {}
            address = original.get("local") or _address(endpoint.get("address") or {})
            rows.append([address, entry.get("health_status", "HEALTHY"), assignment["cluster_name"]])
    return rows


VIEWS: dict[str, tuple[tuple[str, ...], Any]] = {
    "listener": (("NAME", "ADDRESS", "CHAINS"), _listener_rows),
    "route": (("NAME", "VIRTUAL HOST", "MATCH", "CLUSTER"), _route_rows),
    "cluster": (("NAME", "TYPE", "LB POLICY"), _cluster_rows),
    "endpoint": (("ENDPOINT", "STATUS", "CLUSTER"), _endpoint_rows),
}
