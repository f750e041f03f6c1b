"""What a container's root directory is made of, decided from a listing of the host's. Pure.

Every top-level directory of the host appears: as an overlay (read-only beneath, writable above, thrown away with
the container), or as a read-only tree where other mounts lie below it (an overlay would not show them), or empty
because it holds what a pod must not see. Inside the visible ones, masked paths are covered.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

Kind = Literal["directory", "link", "other"]

EMPTY = {
    "proc": 0o555, "sys": 0o555, "dev": 0o755, "run": 0o755, "tmp": 0o1777, "home": 0o755, "root": 0o755,
    "mnt": 0o755, "media": 0o755, "boot": 0o755,
}  # fmt: skip
"""Never the host's: kernel file systems are mounted anew; the others hold people's files, sockets, other disks."""
DROPPED = frozenset({"lost+found"})
MASKED = ("/home", "/root", "/run", "/tmp", "/var/tmp", "/var/mail", "/var/spool", "/var/run", "/var/lock")
WORLD_WRITABLE = frozenset({"/tmp", "/var/tmp", "/dev/shm"})
OWN_DIRECTORIES = {
    "etc": (), "opt": (), "srv": (), "usr": ("local",), "var": ("cache", "lib", "log", "opt"),
}  # fmt: skip
"""Directories in which the container may make files of its own. Elsewhere the host's owner (a user that does not
exist inside) keeps its permissions."""

_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class RootPlan:
    """`made` are directories to have in an overlay's upper layer, so that they are the container's own: top-level
    name -> relative paths. `covered` are masked paths inside what is shown."""

    overlays: tuple[str, ...]
    trees: tuple[str, ...]
    links: tuple[str, ...]
    empty: tuple[str, ...]
    covered: tuple[str, ...]
    made: Mapping[str, tuple[str, ...]]

    def hides(self, path: str) -> bool:
        """Whether the host's `path` is not seen through the root as planned."""
        return top(path) in self.empty or any(inside(path, covered) for covered in self.covered)


def plan(
    listing: Mapping[str, Kind], mount_points: Iterable[str], *, masked: Iterable[str], targets: Iterable[str]
) -> RootPlan:
    """`listing` is the host's `/`; `mount_points` all of the host's; `masked` and `targets` (where volumes and
    visible directories go) are absolute paths without links."""
    directories = {
        name for name, kind in listing.items() if kind == "directory" and name not in DROPPED and name not in EMPTY
    }
    masks = {path for path in masked if path != "/"}
    hidden = {name for name in directories if f"/{name}" in masks}
    shown = directories - hidden
    busy = {top(point) for point in mount_points if point.count("/") > 1}
    overlays = {name for name in shown if name not in busy and not set(name) & set(":,\\")}
    covered = {path for path in masks if top(path) in shown}
    return RootPlan(
        overlays=tuple(sorted(overlays)),
        trees=tuple(sorted(shown - overlays)),
        links=tuple(sorted(name for name, kind in listing.items() if kind == "link" and name not in EMPTY)),
        empty=tuple(sorted({*EMPTY, *hidden})),
        covered=tuple(sorted(path for path in covered if not any(inside(path, other) for other in covered - {path}))),
        made={name: _made(name, targets) for name in overlays},
    )


def _made(name: str, targets: Iterable[str]) -> tuple[str, ...]:
    own = set(OWN_DIRECTORIES.get(name, ()))
    for target in targets:
        if top(target) != name:
            continue
        for parent in PurePosixPath(target).parents:
            if len(parent.parts) > 2:
                own.add("/".join(parent.parts[2:]))
    return tuple(sorted(own))


def top(path: str) -> str:
    """The top-level name of an absolute path."""
    return path.split("/", 2)[1]


def inside(path: str, directory: str) -> bool:
    return path == directory or path.startswith(directory.rstrip("/") + "/")


def parse_mount_points(mountinfo: str) -> list[str]:
    """The mount points of /proc/self/mountinfo (field 5, blanks as \\040)."""
    points = []
    for line in mountinfo.splitlines():
        fields = line.split(" ")
        if len(fields) > 4:
            points.append(_OCTAL.sub(lambda match: chr(int(match[1], 8)), fields[4]))
    return points
