"""The arithmetic of a Deployment's rolling update: pure, so that it can be read as a table of numbers.

Source: kubernetes.io Deployment concepts and the controller's rolling.go: maxSurge rounds up, maxUnavailable down,
and when both come to 0 one pod may be unavailable, since nothing could move otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass

PERCENT_DEFAULT = "25%"


def resolve(value: int | str | None, replicas: int, *, round_up: bool) -> int:
    """`25%` or a number, of this many replicas."""
    if value is None:
        value = PERCENT_DEFAULT
    if isinstance(value, int):
        return value
    if value.endswith("%"):
        share = int(value[:-1]) * replicas
        return -(-share // 100) if round_up else share // 100
    return int(value)


def fence_posts(surge: int | str | None, unavailable: int | str | None, replicas: int) -> tuple[int, int]:
    """(maxSurge, maxUnavailable) as numbers of pods."""
    most, least = resolve(surge, replicas, round_up=True), resolve(unavailable, replicas, round_up=False)
    return (most, least) if most or least else (0, 1)


@dataclass(frozen=True, slots=True)
class SetState:
    """One ReplicaSet of the Deployment: what it asks for, what it has."""

    name: str
    replicas: int
    available: int


def new_set_target(wanted: int, surge: int, new: SetState | None, old: list[SetState]) -> int:
    """How many pods the new ReplicaSet may ask for now: up to the surge over all, never fewer than it has."""
    current = new.replicas if new else 0
    if current >= wanted:
        return wanted
    total = current + sum(state.replicas for state in old)
    room = max(wanted + surge - total, 0)
    return min(current + room, wanted)


def old_set_targets(wanted: int, unavailable: int, new: SetState, old: list[SetState]) -> dict[str, int]:
    """How far each old ReplicaSet may shrink now, oldest first: broken pods first, others while enough stay."""
    targets = {state.name: state.replicas for state in old}
    total = new.replicas + sum(targets.values())
    room = total - (wanted - unavailable) - max(new.replicas - new.available, 0)
    if room <= 0:
        return targets
    removed = 0
    for state in old:  # pods that serve nobody cost nothing
        broken = min(state.replicas - min(state.available, state.replicas), room - removed)
        targets[state.name] -= broken
        removed += broken
    # Availability is reported later than scaling, so what it seems to allow is bounded by what was asked for.
    spare = min(new.available + sum(state.available for state in old) - (wanted - unavailable), room - removed)
    for state in old:
        step = min(targets[state.name], max(spare, 0))
        targets[state.name] -= step
        spare -= step
    return targets


def proportional(wanted: int, states: list[SetState], allowed: int) -> dict[str, int]:
    """A scale in the middle of a rollout: every set keeps its share of `allowed` (wanted plus surge) pods.

    Shares are rounded to the nearest, largest set first, and that one takes what rounding leaves over
    (deployment_util.go, GetReplicaSetProportion).
    """
    total = sum(state.replicas for state in states)
    if not total:
        return {}
    change = (allowed if wanted else 0) - total
    by_size = sorted(states, key=lambda state: -state.replicas)
    targets: dict[str, int] = {}
    left = change
    for state in by_size:
        share = (2 * state.replicas * (total + change) + total) // (2 * total) - state.replicas
        step = min(share, left) if change > 0 else max(share, left)
        targets[state.name] = state.replicas + step
        left -= step
    targets[by_size[0].name] = max(targets[by_size[0].name] + left, 0)
    return targets
