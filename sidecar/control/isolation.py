"""What a process gives up before it reads bytes from strangers: homes, privileges, being read by others.

All sidecars of a machine share one user id, so a parser bug must find nothing worth reading. Python 3.11 has no
`os.unshare`; every system call it lacks is here, and nowhere else in the sidecar. See mount_namespaces(7),
user_namespaces(7), prctl(2).
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_REMOUNT, MS_NOATIME, MS_NODIRATIME, MS_BIND = 32, 1024, 2048, 4096
MS_REC, MS_PRIVATE, MS_RELATIME = 16384, 1 << 18, 1 << 21
PR_SET_DUMPABLE, PR_SET_NAME, PR_SET_NO_NEW_PRIVS, PR_CAPBSET_DROP = 4, 15, 38, 24
CAP_DAC_OVERRIDE, CAP_NET_BIND_SERVICE, CAP_LAST = 1, 10, 40
CAPABILITY_VERSION_3 = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class View:
    """What stays visible under the masked directories: `read_only` (code), `writable` (sockets and state)."""

    masked: tuple[Path, ...]
    read_only: tuple[Path, ...]
    writable: tuple[Path, ...]


def enter(view: View) -> None:
    """Take a mount namespace of our own in which `view.masked` are empty. OSError = the kernel does not allow it.

    The namespace costs an ordinary user a user namespace, in which it keeps its own id. Every capability is dropped at
    the end; root keeps what it needs to bind low ports and to reach the sockets of pods (their owner is another id).
    """
    user, group = os.getuid(), os.getgid()
    _call("unshare", CLONE_NEWNS if user == 0 else CLONE_NEWNS | CLONE_NEWUSER)
    if user != 0:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    mount("none", "/", flags=MS_REC | MS_PRIVATE)
    masked = _outermost(path for path in view.masked if path.is_dir())
    kept = [(path, True) for path in _outermost(view.read_only)] + [(path, False) for path in view.writable]
    handles = [(path, read_only, os.open(path, os.O_PATH | os.O_CLOEXEC)) for path, read_only in kept]
    for path in masked:
        mount("tmpfs", str(path), kind="tmpfs", flags=MS_NOSUID | MS_NODEV | MS_NOEXEC, data="size=1m,mode=0711")
    for path, read_only, handle in handles:
        hidden = any(path.is_relative_to(mask) for mask in masked)
        if hidden or read_only or any(path.is_relative_to(other) for other in view.read_only):
            _bind(path, handle, read_only=read_only, missing=hidden)
        os.close(handle)
    drop_capabilities({CAP_DAC_OVERRIDE, CAP_NET_BIND_SERVICE} if user == 0 else set())


def harden() -> None:
    """No privileges by exec, no core dumps, no ptrace and no /proc/PID/mem for others of the same user."""
    _call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _call("prctl", PR_SET_DUMPABLE, 0, 0, 0, 0)


def name_process(name: str) -> None:
    """What `ps` and `top` show; the kernel keeps 15 bytes."""
    _call("prctl", PR_SET_NAME, ctypes.c_char_p(name.encode()[:15]), 0, 0, 0)


def mount(source: str, target: str, *, kind: str = "none", flags: int = 0, data: str = "") -> None:
    _call("mount", source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), data.encode())


def drop_capabilities(kept: set[int]) -> None:
    """Drop all but `kept` from the permitted and effective sets, and all inheritable ones."""
    mask = sum(1 << capability for capability in kept)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    low, high = mask & 0xFFFFFFFF, mask >> 32
    data = (ctypes.c_uint32 * 6)(low, low, 0, high, high, 0)
    _call("capset", header, data)


def _bind(path: Path, handle: int, *, read_only: bool, missing: bool) -> None:
    """Bind what `handle` saw before the masks to its old place; `missing` = the mask took the place itself away."""
    if missing:
        path.mkdir(parents=True, exist_ok=True, mode=0o711)
    mount(f"/proc/self/fd/{handle}", str(path), flags=MS_BIND | MS_REC)
    if read_only:
        mount("none", str(path), flags=MS_REMOUNT | MS_BIND | MS_RDONLY | _locked_flags(path))


def _locked_flags(path: Path) -> int:
    """Flags a user namespace may not clear on a mount it inherited: a remount must repeat them (EPERM otherwise)."""
    flags = os.statvfs(path).f_flag
    pairs = (
        (os.ST_NOSUID, MS_NOSUID),
        (os.ST_NODEV, MS_NODEV),
        (os.ST_NOEXEC, MS_NOEXEC),
        (os.ST_NOATIME, MS_NOATIME),
        (os.ST_NODIRATIME, MS_NODIRATIME),
        (os.ST_RELATIME, MS_RELATIME),
    )
    return sum(mount_flag for bit, mount_flag in pairs if flags & bit)


def _outermost(paths: Iterable[Path]) -> list[Path]:
    """Without those that lie inside another one."""
    unique = sorted({path.resolve() for path in paths})
    return [path for path in unique if not any(path != other and path.is_relative_to(other) for other in unique)]


def _call(name: str, *arguments: object) -> None:
    if getattr(_libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
