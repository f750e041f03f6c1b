"""`python -m orchestrator sweep`: end what a supervisor that was killed left behind, as it would have done itself.

`mesh down` asks the supervisor; when there is none to ask, pods, proxies and zygotes may still run without it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from orchestrator.layout import Layout, default_home, layout_of
from orchestrator.supervisor import EXIT_USAGE, end_leftovers, lock
from orchestrator.supervisor_settings import SettingsError
from orchestrator.supervisor_stop import stop_everything


def layout_of_the_dead(home: Path) -> Layout:
    """The layout with the run directory that was in use: this process's environment may name another."""
    layout = layout_of(home)
    try:
        return replace(layout, run=Path(json.loads(layout.state.read_text())["run"]))
    except (OSError, ValueError, KeyError, TypeError):
        return layout


def main(argv: Sequence[str]) -> int:
    """0 when nothing is left; 2 when a living supervisor holds the home."""
    parser = argparse.ArgumentParser(prog="python -m orchestrator sweep")
    parser.add_argument("--home", type=Path, default=None)
    layout = layout_of_the_dead(parser.parse_args(argv).home or default_home())
    try:
        held = lock(layout)
    except (OSError, SettingsError) as refused:
        sys.stderr.write(f"{refused}\n")
        return EXIT_USAGE
    end_leftovers(layout.run / "processes.json")
    stop_everything(layout, ())
    os.close(held)
    return 0
