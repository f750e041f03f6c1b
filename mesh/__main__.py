"""`python -m mesh`: `serve` is the control plane, everything else the command line."""

from __future__ import annotations

import sys


def main() -> None:
    if sys.argv[1:2] == ["serve"]:
        from mesh.process import main as serve

        sys.exit(serve(sys.argv[2:]))
    from mesh.cli.main import main as command_line

    command_line(prog_name="mesh")


if __name__ == "__main__":
    main()
