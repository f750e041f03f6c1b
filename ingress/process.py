"""The gateway: the sidecar's engine as a node of kind `router`, with listeners on the host's ports.

What makes it a gateway is its configuration (listeners from Gateway objects, no hooks of a pod); the process is the
sidecar's, so that both drain, renew and report alike.
"""

from __future__ import annotations

from collections.abc import Sequence

from sidecar.process import main as proxy_main


def main(argv: Sequence[str]) -> int:
    return proxy_main(argv, kind="router")
