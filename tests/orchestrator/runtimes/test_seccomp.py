"""Goal: a container has sockets of its network namespace only; everything else it may call is untouched."""

from __future__ import annotations

import struct

import pytest

from orchestrator.runtimes import seccomp

ALLOWED, UNSUPPORTED, UNKNOWN = 0x7FFF0000, 0x00050000 | 97, 0x00050000 | 38
NATIVE, I386 = 0xC000003E, 0x40000003
IP = "10.244.3.9"
PROBE = """
import ctypes, socket
for family in (1, 2, 10, 16, 17, 30, 31, 38, 40, 42):
    try:
        socket.socket(family, socket.SOCK_RAW if family == 16 else socket.SOCK_STREAM).close()
        print(family, "made")
    except OSError as refused:
        print(family, refused.errno)
print("io_uring", ctypes.CDLL(None, use_errno=True).syscall(425, 1, None), ctypes.get_errno())
"""


def answer(architecture: int, number: int, first: int = 0) -> int:
    """Run the program as the kernel would."""
    data = struct.pack("=IIQ6Q", number, architecture, 0, first, 0, 0, 0, 0, 0)
    code = list(struct.iter_unpack("=HBBI", seccomp.program("x86_64")))
    at, loaded = 0, 0
    while True:
        operation, if_true, if_false, value = code[at]
        at += 1
        if operation == 0x06:
            return int(value)
        if operation == 0x20:
            (loaded,) = struct.unpack_from("=I", data, value)
        else:
            met = loaded == value if operation == 0x15 else loaded >= value
            at += if_true if met else if_false


@pytest.mark.parametrize(
    ("architecture", "number", "first", "expected"),
    [
        (NATIVE, 0, 40, ALLOWED),
        (NATIVE, 435, 0, ALLOWED),
        *((NATIVE, 41, int(family), ALLOWED) for family in seccomp.FAMILIES),
        (NATIVE, 41, 40, UNSUPPORTED),
        (NATIVE, 41, 31, UNSUPPORTED),
        (NATIVE, 41, 42, UNSUPPORTED),
        (NATIVE, 425, 0, UNKNOWN),
        (NATIVE, 41 | 0x40000000, 2, UNKNOWN),
        (I386, 102, 1, UNKNOWN),
        (I386, 41, 2, UNKNOWN),
    ],
)
def test_answers(architecture: int, number: int, first: int, expected: int) -> None:
    assert answer(architecture, number, first) == expected


def test_a_machine_whose_numbers_are_unknown_has_no_program() -> None:
    assert seccomp.program("s390x") == b""
    assert all(len(seccomp.program(machine)) % 8 == 0 for machine in seccomp.MACHINES)


async def test_in_a_container(make_pod, run_shell) -> None:
    pod = await make_pod(IP)
    _, lines = await run_shell(pod, f"python3 -c '{PROBE}'")
    found = dict(line.split(" ", 1) for line in lines)
    assert {family for family, how in found.items() if how == "made"} == {"1", "2", "10", "16"}
    assert found["17"] == "1"  # EPERM: no capability for it
    assert {found[family] for family in ("30", "31", "38", "40", "42")} == {"97"}
    assert found["io_uring"] == "-1 38"
