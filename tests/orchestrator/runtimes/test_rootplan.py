"""Goal: what a container sees of the host, decided for hosts of many shapes. Method: a table of listings."""

from __future__ import annotations

import pytest

from orchestrator.runtimes.rootplan import EMPTY, inside, parse_mount_points, plan, top

HOST = {
    "bin": "link", "etc": "directory", "usr": "directory", "var": "directory", "home": "directory", "root": "directory",
    "proc": "directory", "snap": "directory", "swapfile": "other", "lost+found": "directory", "data": "directory",
}  # fmt: skip


def planned(*, mounts=(), masked=(), targets=()):
    return plan(HOST, mounts, masked=masked, targets=targets)


def test_overlays_links_and_what_is_never_the_hosts() -> None:
    found = planned()
    assert found.overlays == ("data", "etc", "snap", "usr", "var")
    assert found.links == ("bin",)
    assert set(EMPTY) <= set(found.empty) and "swapfile" not in found.empty
    assert found.trees == ()


def test_a_directory_with_mounts_below_is_a_tree() -> None:
    found = planned(mounts=["/", "/snap/core/1", "/data", "/proc/sys", "/home/u"])
    assert found.trees == ("snap",)
    assert "data" in found.overlays  # a mount itself, with nothing below


def test_masks() -> None:
    found = planned(masked=["/home", "/var/tmp", "/var/lib/x", "/var/lib/x/y", "/data", "/", "/srv/none"])
    assert found.covered == ("/var/lib/x", "/var/tmp")
    assert "data" in found.empty and "data" not in found.overlays
    assert found.hides("/data/deep") and found.hides("/home/u") and found.hides("/var/tmp/x")
    assert not found.hides("/var/tmpfile") and not found.hides("/usr/bin")


def test_mount_points_get_directories_of_their_own() -> None:
    found = planned(targets=["/usr/share/nginx/html", "/etc/key", "/etc/istio/pod", "/new/dir"])
    assert {"local", "share", "share/nginx"} <= set(found.made["usr"])
    assert found.made["etc"] == ("istio",)


@pytest.mark.parametrize(
    ("path", "directory", "expected"), [("/a/b", "/a", True), ("/a", "/a", True), ("/ab", "/a", False)]
)
def test_inside(path: str, directory: str, expected: bool) -> None:
    assert inside(path, directory) is expected


def test_mountinfo() -> None:
    text = "36 35 98:0 / / rw - ext4 /dev/a rw\n37 36 0:5 / /mnt/a\\040b\\134c rw shared:1 - tmpfs t rw\n\n"
    assert parse_mount_points(text) == ["/", "/mnt/a b\\c"]
    assert top("/mnt/a b") == "mnt"
