"""The node proxy's process: it watches services, endpoints and pods, and serves the hooks of pods without a sidecar.

A process of its own, so that an orchestrator that crashes takes no traffic along; while the API server is away it goes
on with what it knows.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
from collections.abc import Sequence
from pathlib import Path

from mesh.kube.http import HttpClient
from mesh.kube.informer import Informer
from mesh.kube.kinds import ENDPOINT_SLICE, POD, SERVICE
from orchestrator.network.cluster import Cluster
from orchestrator.network.node_proxy import NodeProxy
from orchestrator.network.resolver import Resolver
from orchestrator.notify import notify_ready

KUBECONFIG_POLL_S = 0.05


async def serve(kubeconfig: Path) -> None:
    """Run until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    while not kubeconfig.exists():  # noqa: ASYNC110 - written by another process
        await asyncio.sleep(KUBECONFIG_POLL_S)
    client = HttpClient.from_kubeconfig(kubeconfig)
    cluster = Cluster()
    proxy = NodeProxy(cluster, Resolver(cluster))
    informers = [Informer(client, kind) for kind in (SERVICE, ENDPOINT_SLICE, POD)]
    for informer, handler in zip(informers, (cluster.on_service, cluster.on_slice, cluster.on_pod), strict=True):
        informer.add_handler(handler)
        informer.start()
    for informer in informers:
        await informer.synced()
    informers[-1].add_handler(lambda *_: proxy.reconcile())
    notify_ready()
    await stop.wait()
    proxy.stop()
    for informer in informers:
        await informer.stop()
    await client.close()


def main(argv: Sequence[str]) -> int:
    """`python -m orchestrator node-proxy --kubeconfig FILE --run DIR`."""
    parser = argparse.ArgumentParser(prog="python -m orchestrator node-proxy")
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--run", type=Path, help="the mesh's run directory; pods name their sockets themselves")
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    asyncio.run(serve(options.kubeconfig))
    return 0
