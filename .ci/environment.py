"""Make a virtual environment on a Python that may lack `ensurepip` (Debian's python3 without python3-venv).

Where it is missing, pip's own wheel is fetched from PyPI's simple index (PEP 691), checked against its digest, and
used to install itself. Usage: environment.py DIRECTORY
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from urllib.parse import urljoin

INDEX = "https://pypi.org/simple/pip/"
ACCEPT = "application/vnd.pypi.simple.v1+json"
TIMEOUT_S = 60


def fetch(url: str, accept: str = "*/*") -> bytes:
    request = urllib.request.Request(url, headers={"Accept": accept})  # noqa: S310  (the index above, by https)
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
        body: bytes = answer.read()
        return body


def pip_wheel(directory: Path) -> Path:
    """The newest pip that was not withdrawn."""
    files = json.loads(fetch(INDEX, ACCEPT))["files"]
    wheels = [file for file in files if file["filename"].endswith("-none-any.whl") and not file.get("yanked")]
    newest = max(
        wheels, key=lambda file: [int(n) if n.isdigit() else 0 for n in file["filename"].split("-")[1].split(".")]
    )
    content = fetch(urljoin(INDEX, newest["url"]))
    if hashlib.sha256(content).hexdigest() != newest["hashes"]["sha256"]:
        raise SystemExit("pip's wheel arrived damaged: try again")
    path = directory / newest["filename"]
    path.write_bytes(content)
    return path


def main(directory: str) -> None:
    if sys.version_info < (3, 11):  # noqa: UP036  (this file runs before anything checked it)
        raise SystemExit("pocketmesh needs Python 3.11 or newer: make PYTHON=python3.12 ...")
    if importlib.util.find_spec("ensurepip"):
        subprocess.run([sys.executable, "-m", "venv", directory], check=True)
        return
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", directory], check=True)
    with tempfile.TemporaryDirectory() as temporary:
        wheel = pip_wheel(Path(temporary))
        python = str(Path(directory, "bin", "python"))
        subprocess.run([python, f"{wheel}/pip", "install", "--quiet", "--no-index", str(wheel)], check=True)


if __name__ == "__main__":
    main(sys.argv[1])
