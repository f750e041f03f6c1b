"""What a person can do about a step that the machine refuses. Pure, but for looking at the machine once."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from pathlib import Path

from orchestrator.check_steps import StepFailure

CGROUP_REMEDY = (
    "CPU and memory limits are not enforced; everything else works.\n"
    "To enforce them, run as root, or in a delegated group: systemd-run --user --scope -p Delegate=yes mesh up"
)
_DOCKER = (
    "This looks like a container. Start it with:\n"
    "docker run --security-opt seccomp=unconfined --security-opt apparmor=unconfined "
    "--security-opt systempaths=unconfined ..."
)
_APPARMOR = (
    "AppArmor restricts user namespaces here (Ubuntu 23.10 and newer). Allow them:\n"
    "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0\n"
    "(to keep it: echo kernel.apparmor_restrict_unprivileged_userns=0 | sudo tee /etc/sysctl.d/60-pocketmesh.conf)"
)
_CLONE = "sudo sysctl -w kernel.unprivileged_userns_clone=1"
_MAXIMUM = "sudo sysctl -w user.max_user_namespaces=15000"
_NETFILTER = (
    "The kernel lacks nftables' NAT. Load it: sudo modprobe -a nf_tables nft_chain_nat nft_redir nft_reject_ipv4"
)
_OVERLAY = (
    "The kernel lacks overlayfs in user namespaces (Linux 5.11). Load it: sudo modprobe overlay; else a newer kernel"
)
_KERNEL = "The kernel is too old: Linux 5.12 or newer is needed"


@dataclass(frozen=True, slots=True)
class Machine:
    """What decides between remedies."""

    container: bool
    apparmor_restricts: bool
    clone_forbidden: bool
    namespaces_max: int

    @staticmethod
    def this() -> Machine:
        return Machine(
            container=any(Path(name).exists() for name in ("/.dockerenv", "/run/.containerenv")),
            apparmor_restricts=_sysctl("kernel/apparmor_restrict_unprivileged_userns") == "1",
            clone_forbidden=_sysctl("kernel/unprivileged_userns_clone") == "0",
            namespaces_max=int(_sysctl("user/max_user_namespaces") or 1),
        )


def _sysctl(name: str) -> str:
    try:
        return Path("/proc/sys", name).read_text().strip()
    except OSError:
        return ""


def remedy(step: str, failure: StepFailure, machine: Machine) -> str:
    """The exact words to type, as far as the reason is known."""
    if machine.clone_forbidden:
        return _CLONE
    if machine.namespaces_max == 0 or failure.number == errno.ENOSPC:
        return _MAXIMUM
    if failure.number == errno.ENOSYS:
        return _KERNEL
    if step == "pod network (netlink, nftables)" and failure.number in (
        errno.ENOENT,
        errno.EOPNOTSUPP,
        errno.EPROTONOSUPPORT,
    ):
        return _NETFILTER
    if step == "overlay" and failure.number == errno.ENODEV:
        return _OVERLAY
    if failure.number in (errno.EPERM, errno.EACCES, errno.EROFS):
        if machine.apparmor_restricts:
            return _APPARMOR
        if machine.container:
            return _DOCKER
        if step == "overlay":
            return _OVERLAY
        if step == "proc":
            return f"Something covers parts of /proc, so a new one is refused.\n{_DOCKER}"
        return f"A security module or seccomp filter refuses this.\n{_DOCKER}"
    return "This is not a refusal that is known; please report it with the output of: mesh check -o json"
