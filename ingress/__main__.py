"""`python -m ingress`: `proxy router` described by its environment."""

from __future__ import annotations

import sys

from ingress.process import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["proxy", "router"]))
