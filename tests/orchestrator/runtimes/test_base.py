"""Goal: what crosses the border to a shim survives the wire."""

from __future__ import annotations

from dataclasses import asdict

import msgspec

from orchestrator.runtimes.base import ContainerSpec, ContainerState, Dns, Limits, Mount, RuntimeFailure, SandboxSpec

CONTAINER = ContainerSpec(
    "main",
    ("a", "b"),
    "main/0.log",
    attempt=2,
    env={"K": "V"},
    mounts=(Mount("/a", "/b", True),),
    limits=Limits(1, 2, 3),
)
SANDBOX = SandboxSpec(
    "u", "n", "ns", "10.244.0.2", "h", "/logs", Dns(("1.1.1.1",), ("s",), ("o",)), hosts={"1.2.3.4": ["a"]}
)
STATE = ContainerState("main", 1, False, 1.5, 2.5, 137, 9, True, False)


def test_round_trips() -> None:
    for value in (CONTAINER, SANDBOX, STATE):
        assert msgspec.convert(msgspec.json.decode(msgspec.json.encode(asdict(value))), type(value)) == value


def test_failures_carry_their_reason() -> None:
    failure = RuntimeFailure("CreateContainerError", "no such directory")
    assert (failure.reason, failure.message, str(failure)) == ("CreateContainerError",) + ("no such directory",) * 2
