"""`python -m orchestrator check`: may a mesh run on this machine? Each needed operation is done, not asked about.

Asking is not enough: Ubuntu 24.04 lets anybody make a user namespace and then denies everything inside it, and in
Docker a covered /proc forbids a new one. So a throw-away child does what a pod's start does, step by step, and each
step that fails names its remedy. Exit code 0: a mesh can run here; 1: not.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec

from orchestrator import check_remedies, check_steps
from orchestrator.layout import LayoutError, default_home, layout_of
from orchestrator.runtimes.cgroups import Limiter


@dataclass(frozen=True, slots=True)
class Finding:
    """`ok` False stops a mesh when `required`. `detail` is what the kernel said; `remedy` what a person can do."""

    name: str
    ok: bool
    required: bool
    detail: str = ""
    remedy: str = ""


def run(home: Path) -> list[Finding]:
    """All findings, in the order of a pod's start; what a failed step was needed for is not tried."""
    findings = [_python()]
    machine = check_remedies.Machine.this()
    for name, failure in check_steps.try_all():
        remedy = check_remedies.remedy(name, failure, machine) if failure else ""
        detail = str(failure) if failure else ""
        findings.append(Finding(name, failure is None, name not in check_steps.OPTIONAL, detail, remedy))
    findings.append(_run_directory(home))
    limits = Limiter.of_this_machine("pocketmesh-check")
    limits.close()
    remedy = "" if limits.usable else check_remedies.CGROUP_REMEDY
    findings.append(Finding("resource limits", limits.usable, False, "" if limits.usable else "not allowed", remedy))
    return findings


def _python() -> Finding:
    found = ".".join(str(number) for number in sys.version_info[:3])
    ok = sys.version_info >= (3, 11) and sys.platform == "linux"
    remedy = "" if ok else "use Python 3.11 or newer on Linux"
    return Finding("python", ok, True, f"{found} on {sys.platform}", remedy)


def _run_directory(home: Path) -> Finding:
    layout = layout_of(home)
    existed = layout.run.exists()
    try:
        check_steps.try_sockets(layout)
    except (OSError, LayoutError) as failure:
        return Finding("unix sockets", False, True, str(failure), "set TMPDIR to a short path that you own")
    finally:
        if not existed and layout.run.exists():
            layout.run.rmdir()
    return Finding("unix sockets", True, True)


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m orchestrator check")
    parser.add_argument("-o", dest="output", choices=("table", "json", "yaml"), default="table")
    parser.add_argument("--quiet", action="store_true", help="print failures only")
    options = parser.parse_args(argv)
    findings = run(default_home())
    ready = all(finding.ok for finding in findings if finding.required)
    if options.output != "table":
        found = {"ready": ready, "checks": [asdict(finding) for finding in findings]}
        if options.output == "json":
            sys.stdout.write(msgspec.json.format(msgspec.json.encode(found), indent=2).decode() + "\n")
        else:
            import yaml

            sys.stdout.write(yaml.safe_dump(found, sort_keys=False))
        return 0 if ready else 1
    for finding in findings:
        if not options.quiet or (finding.required and not finding.ok):
            sys.stdout.write(describe(finding))
    if not options.quiet:
        sys.stdout.write("a mesh can run here\n" if ready else "a mesh cannot run here\n")
    return 0 if ready else 1


def describe(finding: Finding) -> str:
    """One finding for people: a line, and the remedy below it."""
    mark = "ok  " if finding.ok else "FAIL" if finding.required else "note"
    detail = f" ({finding.detail})" if finding.detail else ""
    remedy = "".join(f"       {line}\n" for line in finding.remedy.splitlines())
    return f"{mark} {finding.name}{detail}\n{remedy}"
