"""The one system-call rule of a container: no socket that its network namespace does not hold.

AF_VSOCK, AF_BLUETOOTH, AF_QIPCRTR and others reach past a network namespace (a virtual machine's host, say), and would
be a way around the sidecar. Container engines refuse them, and io_uring, which makes sockets unseen, by seccomp too.
Pure: a classic BPF program over `struct seccomp_data` (seccomp(2)); `kernel.set_seccomp_filter` installs it.
"""

from __future__ import annotations

import errno
import socket
import struct

FAMILIES = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK, socket.AF_PACKET)
"""Held by the network namespace; AF_PACKET needs a capability of it besides."""
MACHINES = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198), "riscv64": (0xC00000F3, 198)}
"""AUDIT_ARCH and the number of socket(2)."""

_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06  # BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_JMP|JGE|K, BPF_RET|K
_NUMBER, _ARCHITECTURE, _ARGUMENT = 0, 4, 16  # offsets into seccomp_data; the argument's low half, little-endian
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_X32 = 0x40000000
"""System calls of the x32 ABI have this bit, under the same architecture."""
_IO_URING_SETUP = 425


def program(machine: str) -> bytes:
    """`struct sock_filter[]`; b"" for a machine whose numbers are not known here.

    Another architecture's calls (32-bit programs) are answered ENOSYS: their socketcall(2) hides its arguments.
    """
    if machine not in MACHINES:
        return b""
    architecture, socket_call = MACHINES[machine]
    families = [(_EQUAL, len(FAMILIES) - index, 0, int(family)) for index, family in enumerate(FAMILIES)]
    rest = [
        (_LOAD, 0, 0, _ARGUMENT),
        *families,
        (_RETURN, 0, 0, _ERRNO | errno.EAFNOSUPPORT),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _ERRNO | errno.ENOSYS),
    ]
    allow, unknown = len(rest) - 2, len(rest) - 1
    head = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 0, 4 + unknown, architecture),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 2 + unknown, 0, _X32),
        (_EQUAL, 1 + unknown, 0, _IO_URING_SETUP),
        (_EQUAL, 0, allow, socket_call),
    ]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in head + rest)
