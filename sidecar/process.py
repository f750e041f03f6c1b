"""One proxy as a process: `proxy sidecar` and `proxy router` in a mesh, or `-c FILE` by itself.

In a mesh everything comes from the environment (Istio's variables) and the control plane. Exit codes: 0 after a drain,
1 for a configuration that is refused (with the field's path), 2 for a wrong command line.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import uvloop

from sidecar.control.node import BootstrapError, SettingsError
from sidecar.net.tasks import spawn

GC_THRESHOLDS = (50_000, 50, 100)
"""The hot path makes few cycles; the default of 700 allocations would collect several times a request."""
EXIT_REFUSED = 1
EXIT_USAGE = 2

USAGE = """\
  python -m sidecar -c FILE                 a proxy from an Envoy bootstrap file (YAML or JSON)
  python -m sidecar proxy sidecar|router    a proxy of a mesh, described by its environment
  python -m sidecar zygote --socket PATH    the process that forks proxies
"""


class RunningProxy(Protocol):
    quit: Callable[[], None]

    async def run(self) -> None:
        """Start, then stay until cancelled."""

    async def drain(self) -> None:
        """Let go of everything, within a bound; safe after a start that failed."""


def main(argv: Sequence[str], *, kind: str = "sidecar") -> int:
    options = _arguments(argv, kind)
    if isinstance(options, int):
        return options
    logging.basicConfig(
        level=options.log_level.upper(), stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    try:
        proxy = _standalone(options.config_path) if options.config_path is not None else _of_mesh(options.role)
    except (BootstrapError, SettingsError) as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_REFUSED
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_serve(proxy))


def _standalone(path: Path) -> RunningProxy:
    from sidecar.standalone import StandaloneProxy, read_bootstrap

    return StandaloneProxy(read_bootstrap(path))


def _of_mesh(role: str) -> RunningProxy:
    from sidecar.control.node import mesh_settings
    from sidecar.mesh_proxy import MeshProxy

    return MeshProxy(role, mesh_settings(role, os.environ))


async def _serve(proxy: RunningProxy) -> int:
    """Until SIGTERM, SIGINT or /quitquitquit; then drain."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    proxy.quit = stop.set
    stopping = spawn(stop.wait(), name="stop")
    running = spawn(proxy.run(), name="proxy")
    try:
        await asyncio.wait([stopping, running], return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
    except (BootstrapError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_REFUSED
    finally:
        running.cancel()
        stopping.cancel()
        await proxy.drain()
    return 0


def _arguments(argv: Sequence[str], kind: str) -> argparse.Namespace | int:
    if list(argv) in (["proxy", "sidecar"], ["proxy", "router"]):
        # What every proxy of a mesh is started with: argparse would cost each of them half a megabyte.
        return argparse.Namespace(config_path=None, role=argv[1], log_level="info", mode="serve")
    parser = argparse.ArgumentParser(
        prog="python -m sidecar",
        description="The data plane: an HTTP and TCP proxy that is configured as Envoy is.",
        epilog=USAGE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("-c", "--config-path", type=Path, metavar="FILE", help="Envoy bootstrap, YAML or JSON")
    parser.add_argument("--mode", choices=("serve", "validate"), default="serve", help="validate: read FILE, then exit")
    parser.add_argument("-l", "--log-level", default="info", choices=("debug", "info", "warning", "error", "critical"))
    parser.add_argument("words", nargs="*", metavar="proxy sidecar|router", help="a proxy of a mesh")
    try:
        options = parser.parse_args(argv)
    except SystemExit as leaving:
        return EXIT_USAGE if leaving.code else 0
    words = [word for word in options.words if word != "proxy"]
    options.role = words[0] if words else kind
    if options.config_path is None and (
        not options.words or len(words) > 1 or options.role not in {"sidecar", "router"}
    ):
        parser.print_usage(sys.stderr)
        sys.stderr.write(USAGE)
        return EXIT_USAGE
    if options.mode == "validate" and options.config_path is not None:
        return _validate(options.config_path)
    return options


def _validate(path: Path) -> int:
    from sidecar.standalone import read_bootstrap

    try:
        read_bootstrap(path)
    except BootstrapError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_REFUSED
    sys.stdout.write(f"configuration '{path}' OK\n")
    return 0
