"""`python -m mesh serve`: the control plane as a process.

It keeps nothing that the Kubernetes API does not have, so it may be killed at any moment; proxies go on with what they
know and come back by themselves.
"""

from __future__ import annotations

import argparse
import asyncio
import errno
import logging
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import uvloop

from mesh.ca.authority import WORKLOAD_TTL_DEFAULT_S, WORKLOAD_TTL_MAX_S
from mesh.ca.service import Lifetimes
from mesh.control_plane import LOOPBACK, ControlPlane, ControlPlaneSettings
from mesh.istio.values import duration_s
from mesh.kube.http import HttpClient
from mesh.kube.tasks import spawn
from mesh.notify import READY, notify

log = logging.getLogger("mesh")

EXIT_PORT_TAKEN = 78
"""EX_CONFIG: starting again does not help."""


def main(argv: Sequence[str]) -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("aiohttp").setLevel(logging.WARNING)
    options = arguments(argv)
    if options.state is not None:
        options.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(serve(options))


async def serve(options: argparse.Namespace) -> int:
    """Until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    client = HttpClient.from_kubeconfig(options.kubeconfig) if options.kubeconfig else HttpClient.in_cluster()
    plane = ControlPlane(client, settings_of(options, os.environ))
    starting = spawn(plane.start(), name="start")
    stopping = spawn(stop.wait(), name="stop")
    try:
        await asyncio.wait([starting, stopping], return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            notify(READY)
            log.info("ready")
            await stopping
    except OSError as failure:
        if failure.errno != errno.EADDRINUSE:
            raise
        sys.stderr.write(f"port {options.xds_port} is taken: choose another one with --xds-port\n")
        return EXIT_PORT_TAKEN
    finally:
        starting.cancel()
        stopping.cancel()
        await plane.stop()
        await client.close()
    return 0


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m mesh serve", description="The control plane of a mesh.")
    parser.add_argument("--kubeconfig", type=Path, help="file with the API server to serve; absent: in-cluster")
    parser.add_argument("--host", default=LOOPBACK, help="address to serve on")
    parser.add_argument("--xds-port", type=int, default=15012, help="port to serve on; 0 = any free one")
    parser.add_argument("--discovery-address", default="", help="host:port that proxies are told; default: this one")
    parser.add_argument("--ingress-http-port", type=int, default=8080)
    parser.add_argument("--ingress-https-port", type=int, default=8443)
    parser.add_argument("--state", type=Path, help="directory of this process")
    parser.add_argument("--otlp-endpoint", default="", help="where spans are forwarded to, as base URL")
    return parser.parse_args(argv)


def settings_of(options: argparse.Namespace, environment: Mapping[str, str]) -> ControlPlaneSettings:
    """Certificate lifetimes come from istiod's environment variables, as durations (`24h`)."""
    return ControlPlaneSettings(
        xds_port=options.xds_port,
        ingress_http_port=options.ingress_http_port,
        ingress_https_port=options.ingress_https_port,
        host=options.host,
        otlp_endpoint=options.otlp_endpoint or environment.get("OTEL_EXPORTER_OTLP_ENDPOINT", ""),
        discovery_address=options.discovery_address,
        lifetimes=Lifetimes(
            default_s=duration_s(environment.get("DEFAULT_WORKLOAD_CERT_TTL", "")) or WORKLOAD_TTL_DEFAULT_S,
            max_s=duration_s(environment.get("MAX_WORKLOAD_CERT_TTL", "")) or WORKLOAD_TTL_MAX_S,
        ),
    )
