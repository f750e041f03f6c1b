"""Which users of the host stand behind the users inside a pod. Pure.

An ordinary user has one id to give, so the pod's root is that user and nobody else exists inside. Root has all of
them and gives none of its own: a pod whose 0 is the host's 0 could read the shadow file. So each pod gets a range
of ids that own nothing on the host.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address

RANGE_IDS = 1 << 16
RANGES_BEGIN = 1 << 30
"""Past what distributions hand out in /etc/subuid, and below 2^31, where some programs stop."""
RANGES_COUNT = 1 << 14
SMALL_RANGE_IDS = 1 << 14


@dataclass(frozen=True, slots=True)
class IdMap:
    """Inside 0..count-1 is host base..base+count-1; for users and groups alike."""

    base: int
    count: int

    def host_id(self, inside: int) -> int | None:
        return self.base + inside if 0 <= inside < self.count else None

    @property
    def whole(self) -> bool:
        """More than the root user: other users can be taken without a further namespace."""
        return self.count > 1


def choose(uid: int, own_map: str, number: int) -> IdMap:
    """The map of the pod with this `number` (any, stable), made by user `uid` whose /proc/self/uid_map is `own_map`.

    Root of a container may itself have few ids: then all pods share the upper end of what there is.
    """
    if uid != 0:
        return IdMap(uid, 1)
    extents = [(int(inside), int(count)) for inside, _, count in (line.split() for line in own_map.splitlines())]
    begin = RANGES_BEGIN + number % RANGES_COUNT * RANGE_IDS
    if any(first <= begin and begin + RANGE_IDS <= first + count for first, count in extents):
        return IdMap(begin, RANGE_IDS)
    first, count = max(extents, key=lambda extent: extent[1], default=(0, 1))
    if count >= 2 * SMALL_RANGE_IDS:
        return IdMap(first + count - SMALL_RANGE_IDS, SMALL_RANGE_IDS)
    return IdMap(uid, 1)


def pod_number(ip: str, uid: str) -> int:
    """Which range a pod takes: by its address, or by its uid for a pod of the host's network."""
    return int(IPv4Address(ip)) if ip else int.from_bytes(uid.encode()[-4:], "big")
