"""System calls that Python 3.11 has no name for. The only module that knows ctypes.

Each function raises `OSError` with the call's name and its subject, because "Operation not permitted" alone tells
nobody which of thirty mounts was refused. Numbers are those of the kernel's uapi headers.
"""

from __future__ import annotations

import ctypes
import os
import platform
from collections.abc import Iterable

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY = 0x1
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_REC = 0x4000
MS_PRIVATE = 0x40000
MNT_DETACH = 0x2

MOUNT_ATTR_RDONLY = 0x1
MOUNT_ATTR_NOSUID = 0x2
MOUNT_ATTR_NODEV = 0x4

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_CAPBSET_DROP = 24
_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_KEYCTL_JOIN_SESSION_KEYRING = 1

_OPEN_TREE_CLONE = 0x1
_OPEN_TREE_CLOEXEC = os.O_CLOEXEC
_AT_FDCWD = -100
_AT_EMPTY_PATH = 0x1000
_AT_RECURSIVE = 0x8000
_MOVE_MOUNT_F_EMPTY_PATH = 0x4

_MACHINE_CALLS = {"x86_64": (155, 250, 13), "aarch64": (41, 219, 134), "riscv64": (41, 219, 134)}
"""Numbers of pivot_root, keyctl and rt_sigaction, which differ between machines; newer calls have one everywhere."""
_SYS_PIVOT_ROOT, _SYS_KEYCTL, _SYS_RT_SIGACTION = _MACHINE_CALLS.get(platform.machine(), (-1, -1, -1))
_SIGSET_BYTES = 8
_SIGNALS = 64
_SYS_OPEN_TREE = 428
_SYS_MOVE_MOUNT = 429
_SYS_MOUNT_SETATTR = 442

CAPABILITIES = {
    "CHOWN": 0,
    "DAC_OVERRIDE": 1,
    "FOWNER": 3,
    "FSETID": 4,
    "KILL": 5,
    "SETGID": 6,
    "SETUID": 7,
    "SETPCAP": 8,
    "NET_BIND_SERVICE": 10,
    "SYS_CHROOT": 18,
}
"""What a container may ask for. None of them reaches past the pod's user namespace; those that could undo the
pod's own walls (NET_ADMIN the hooks, SYS_ADMIN the masks, SYS_PTRACE the shim, NET_RAW the redirect) are absent."""
_CAPABILITY_LAST_MAX = 63

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


class _SockFprog(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


class _MountAttr(ctypes.Structure):
    _fields_ = [
        ("attr_set", ctypes.c_uint64),
        ("attr_clr", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns_fd", ctypes.c_uint64),
    ]


class _CapHeader(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _CapData(ctypes.Structure):
    _fields_ = [("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32)]


_CAPABILITY_VERSION_3 = 0x20080522


def _check(result: int, call: str, subject: str = "") -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}", subject or None)
    return result


def unshare(flags: int) -> None:
    _check(_libc.unshare(ctypes.c_int(flags)), "unshare", hex(flags))


def setns(descriptor: int, kind: int) -> None:
    _check(_libc.setns(ctypes.c_int(descriptor), ctypes.c_int(kind)), "setns", hex(kind))


def mount(kind: str, target: str, *, flags: int = 0, data: str = "", source: str = "none") -> None:
    """Mount a new file system of `kind` ("" = change flags or propagation of what is at `target`)."""
    result = _libc.mount(
        source.encode(),
        os.fsencode(target),
        kind.encode() or None,
        ctypes.c_ulong(flags),
        os.fsencode(data) if data else None,
    )
    _check(result, f"mount {kind or 'flags'}", target)


def unmount(target: str) -> None:
    """Take the mount out of the tree now; it ends when nobody uses it."""
    _check(_libc.umount2(os.fsencode(target), ctypes.c_int(MNT_DETACH)), "umount", target)


def pivot_root(new: str, old: str) -> None:
    _check(_libc.syscall(ctypes.c_long(_SYS_PIVOT_ROOT), os.fsencode(new), os.fsencode(old)), "pivot_root", new)


def open_tree(path: str) -> int:
    """A detached copy of the mounts at and below `path`: a descriptor that `attach_tree` puts somewhere."""
    flags = _OPEN_TREE_CLONE | _OPEN_TREE_CLOEXEC | _AT_RECURSIVE
    result = _libc.syscall(
        ctypes.c_long(_SYS_OPEN_TREE), ctypes.c_int(_AT_FDCWD), os.fsencode(path), ctypes.c_uint(flags)
    )
    return _check(result, "open_tree", path)


def set_tree_attributes(tree: int, attributes: int) -> None:
    """Add mount attributes (MOUNT_ATTR_*) to a whole tree, submounts included (Linux 5.12)."""
    what = _MountAttr(attributes, 0, 0, 0)
    result = _libc.syscall(
        ctypes.c_long(_SYS_MOUNT_SETATTR),
        ctypes.c_int(tree),
        b"",
        ctypes.c_uint(_AT_EMPTY_PATH | _AT_RECURSIVE),
        ctypes.byref(what),
        ctypes.c_size_t(ctypes.sizeof(what)),
    )
    _check(result, "mount_setattr")


def set_mount_attributes(path: str, attributes: int) -> None:
    """Add mount attributes to the one mount at `path`."""
    what = _MountAttr(attributes, 0, 0, 0)
    result = _libc.syscall(
        ctypes.c_long(_SYS_MOUNT_SETATTR),
        ctypes.c_int(_AT_FDCWD),
        os.fsencode(path),
        ctypes.c_uint(0),
        ctypes.byref(what),
        ctypes.c_size_t(ctypes.sizeof(what)),
    )
    _check(result, "mount_setattr", path)


def attach_tree(tree: int, target: str) -> None:
    result = _libc.syscall(
        ctypes.c_long(_SYS_MOVE_MOUNT),
        ctypes.c_int(tree),
        b"",
        ctypes.c_int(_AT_FDCWD),
        os.fsencode(target),
        ctypes.c_uint(_MOVE_MOUNT_F_EMPTY_PATH),
    )
    _check(result, "move_mount", target)


def _prctl(option: int, second: int, third: int = 0) -> int:
    zero = ctypes.c_ulong(0)
    return int(_libc.prctl(ctypes.c_int(option), ctypes.c_ulong(second), ctypes.c_ulong(third), zero, zero))


def set_no_new_privileges() -> None:
    _check(_prctl(_PR_SET_NO_NEW_PRIVS, 1), "prctl", "no_new_privs")


def set_seccomp_filter(program: bytes) -> None:
    """For this process and all that it starts, for good; `program` is `struct sock_filter[]`."""
    code = ctypes.create_string_buffer(program, len(program))
    described = _SockFprog(len(program) // 8, ctypes.addressof(code))
    _check(_prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(described)), "prctl", "seccomp")


def set_dumpable(dumpable: bool) -> None:
    _check(_prctl(_PR_SET_DUMPABLE, int(dumpable)), "prctl", "dumpable")


def set_child_subreaper() -> None:
    _check(_prctl(_PR_SET_CHILD_SUBREAPER, 1), "prctl", "child_subreaper")


def set_parent_death_signal(number: int) -> None:
    _check(_prctl(_PR_SET_PDEATHSIG, number), "prctl", "pdeathsig")


def bound_capabilities(kept: Iterable[int]) -> None:
    """Take all but `kept` out of the bounding set for good: it is what a root user regains at execve."""
    keep = set(kept)
    for capability in range(_CAPABILITY_LAST_MAX + 1):
        if capability not in keep and _prctl(_PR_CAPBSET_DROP, capability) < 0:
            break  # EINVAL: past the kernel's last capability
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)


def set_capabilities(kept: Iterable[int]) -> None:
    """Make `kept` the effective and permitted set; nothing is inheritable."""
    mask = sum(1 << capability for capability in set(kept))
    halves = (_CapData * 2)()
    for index in range(2):
        half = (mask >> (32 * index)) & 0xFFFFFFFF
        halves[index] = _CapData(half, half, 0)
    header = _CapHeader(_CAPABILITY_VERSION_3, 0)
    _check(_libc.capset(ctypes.byref(header), ctypes.byref(halves)), "capset")


def join_new_session_keyring() -> None:
    """A session keyring of its own: keys of the person who started the mesh stay out of reach."""
    null = ctypes.c_void_p(None)
    _libc.syscall(ctypes.c_long(_SYS_KEYCTL), ctypes.c_int(_KEYCTL_JOIN_SESSION_KEYRING), null, null, null, null)


def default_signals() -> None:
    """Every signal does what it does by default, also those the C library keeps for itself (32 and 33) and will not
    let anybody touch: what an ancestor ignored outlives execve."""
    default = ctypes.create_string_buffer(4 * 8)  # struct kernel_sigaction: SIG_DFL, no flags, empty mask
    for number in range(1, _SIGNALS + 1):
        _libc.syscall(
            ctypes.c_long(_SYS_RT_SIGACTION), ctypes.c_int(number), default, None, ctypes.c_size_t(_SIGSET_BYTES)
        )
