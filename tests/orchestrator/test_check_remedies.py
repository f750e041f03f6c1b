"""Goal: the remedy fits the refusal."""

from __future__ import annotations

import errno

import pytest

from orchestrator.check_remedies import Machine, remedy
from orchestrator.check_steps import StepFailure

PLAIN = Machine(container=False, apparmor_restricts=False, clone_forbidden=False, namespaces_max=100)
DOCKER = Machine(container=True, apparmor_restricts=False, clone_forbidden=False, namespaces_max=100)
UBUNTU = Machine(container=False, apparmor_restricts=True, clone_forbidden=False, namespaces_max=100)
DEBIAN = Machine(container=False, apparmor_restricts=False, clone_forbidden=True, namespaces_max=100)
NONE = Machine(container=False, apparmor_restricts=False, clone_forbidden=False, namespaces_max=0)


@pytest.mark.parametrize(
    ("step", "number", "machine", "text"),
    [
        ("user namespace", errno.EPERM, DEBIAN, "kernel.unprivileged_userns_clone=1"),
        ("user namespace", errno.ENOSPC, PLAIN, "user.max_user_namespaces"),
        ("user namespace", errno.ENOSPC, NONE, "user.max_user_namespaces"),
        ("mounts", errno.EACCES, UBUNTU, "apparmor_restrict_unprivileged_userns=0"),
        ("user namespace", errno.EPERM, DOCKER, "seccomp=unconfined"),
        ("proc", errno.EPERM, DOCKER, "systempaths=unconfined"),
        ("proc", errno.EPERM, PLAIN, "systempaths=unconfined"),
        ("pod network (netlink, nftables)", errno.ENOENT, PLAIN, "modprobe -a nf_tables"),
        ("overlay", errno.ENODEV, PLAIN, "modprobe overlay"),
        ("mounts", errno.ENOSYS, PLAIN, "Linux 5.12"),
        ("redirect to the hook", 0, PLAIN, "report it"),
    ],
)
def test_remedies(step: str, number: int, machine: Machine, text: str) -> None:
    assert text in remedy(step, StepFailure("refused", number), machine)


def test_this_machine_can_be_looked_at() -> None:
    assert Machine.this().namespaces_max >= 0
