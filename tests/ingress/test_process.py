"""The gateway's entry is the sidecar's, as a router."""

from __future__ import annotations

import os
import subprocess
import sys

from ingress import process


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {key: value for key, value in os.environ.items() if not key.startswith(("POD_", "INSTANCE_"))}
    command = [sys.executable, "-m", "ingress", *words]
    return subprocess.run(command, env={**env, **environment}, capture_output=True, text=True, timeout=30, check=False)


def test_it_is_described_by_its_environment() -> None:
    done = run("proxy", "router")
    assert (done.returncode, done.stderr) == (1, "POD_NAMESPACE: this environment variable is required\n")


def test_wrong_words() -> None:
    assert process.main(["proxy", "gateway"]) == 2
