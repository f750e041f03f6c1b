"""`python -m orchestrator VERB ...`: the entry of each of the orchestrator's processes and of its small commands."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib import import_module

VERBS = {
    "supervise": "orchestrator.supervisor",
    "sweep": "orchestrator.sweep",
    "serve": "orchestrator.process",
    "sandbox-zygote": "orchestrator.runtimes.sandbox_zygote",
    "node-proxy": "orchestrator.network.process",
    "check": "orchestrator.check",
    "image": "orchestrator.images_command",
}
"""Each module has `main(argv) -> exit code`; only the one asked for is imported."""


def main(argv: Sequence[str]) -> int:
    if not argv or argv[0] not in VERBS:
        sys.stderr.write(f"usage: python -m orchestrator {{{','.join(VERBS)}}} ...\n")
        return 2
    run: Callable[[Sequence[str]], int] = import_module(VERBS[argv[0]]).main
    return run(argv[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
