"""Build a container's root directory and enter it. Runs in the container's own mount and pid namespaces.

The order is forced by the kernel: descriptors to every source are taken before anything is covered; /proc and /sys
are mounted while the host's are still in sight (a new one may not reveal more than an old one shows); volumes are
placed after the root was changed, so that a link on their path leads nowhere but into the container.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.runtimes import kernel
from orchestrator.runtimes.rootplan import EMPTY, WORLD_WRITABLE, Kind, RootPlan, parse_mount_points, plan

STAGE = "/tmp"  # any directory that every host has; covered in this mount namespace only
WRITABLE_BYTES_MAX = "50%"
SHARED_MEMORY_BYTES_MAX = "64m"
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
DEVICE_LINKS = {
    "fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2",
    "ptmx": "pts/ptmx", "core": "/proc/kcore",
}  # fmt: skip
PROC_READ_ONLY = ("bus", "fs", "irq", "sys", "sysrq-trigger")
PROC_MASKED = ("acpi", "kcore", "keys", "key-users", "latency_stats", "sched_debug", "scsi", "timer_list")
"""The paths that container engines cover by default (OCI runtime defaults of Docker and containerd)."""
_PLAIN = kernel.MS_NOSUID | kernel.MS_NODEV
_VOLUME_ATTRIBUTES = kernel.MOUNT_ATTR_NOSUID | kernel.MOUNT_ATTR_NODEV


@dataclass(frozen=True, slots=True)
class Tree:
    """A detached tree of mounts and where it goes. Not `pinned` = only where it would be hidden otherwise."""

    descriptor: int
    target: str
    read_only: bool
    pinned: bool = True

    @property
    def is_directory(self) -> bool:
        return stat.S_ISDIR(os.fstat(self.descriptor).st_mode)


@dataclass(frozen=True, slots=True)
class RootSpec:
    """`visible` are directories shown read-only at their own paths even where the host's are hidden; `files` are
    written over the host's (/etc/hosts ...): absolute path -> content."""

    masked: Sequence[str]
    visible: Sequence[Tree] = ()
    volumes: Sequence[Tree] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    read_only: bool = False


def enter_new_root(spec: RootSpec) -> None:
    """Make the root and move this process into it. Raises `OSError`."""
    kernel.mount("", "/", flags=kernel.MS_REC | kernel.MS_PRIVATE)
    targets = [os.path.realpath(tree.target) for tree in (*spec.visible, *spec.volumes)]
    mount_points = parse_mount_points(Path("/proc/self/mountinfo").read_text())
    wanted = plan(_listing("/"), mount_points, masked=spec.masked, targets=[*targets, *spec.files])
    trees = {name: _read_only_tree(f"/{name}") for name in wanted.trees}
    devices = {name: kernel.open_tree(f"/dev/{name}") for name in DEVICES if Path("/dev", name).exists()}
    kernel.mount("tmpfs", STAGE, flags=_PLAIN, data="mode=0755")
    root = f"{STAGE}/root"
    Path(root).mkdir()
    kernel.mount("tmpfs", root, flags=_PLAIN, data=f"mode=0755,size={WRITABLE_BYTES_MAX}")
    _place_directories(root, wanted, trees, spec.files)
    for path in wanted.covered:
        _cover(root + path, path)
    for tree in spec.visible:
        if tree.pinned or wanted.hides(tree.target):
            _place(tree, root + tree.target)
    _place_devices(f"{root}/dev", devices)
    _place_kernel_files(root)
    _change_root(root)
    for tree in spec.volumes:
        _place(tree, tree.target)
    if spec.read_only:
        for name in ("", *wanted.overlays):
            kernel.set_mount_attributes(f"/{name}", kernel.MOUNT_ATTR_RDONLY)


def _listing(directory: str) -> dict[str, Kind]:
    kinds: dict[str, Kind] = {}
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.is_symlink():
                kinds[entry.name] = "link"
            else:
                kinds[entry.name] = "directory" if entry.is_dir() else "other"
    return kinds


def _read_only_tree(path: str) -> int:
    tree = kernel.open_tree(path)
    kernel.set_tree_attributes(tree, kernel.MOUNT_ATTR_RDONLY | kernel.MOUNT_ATTR_NOSUID)
    return tree


def _place_directories(root: str, wanted: RootPlan, trees: dict[str, int], files: Mapping[str, str]) -> None:
    for name in wanted.empty:
        _make_directory(f"{root}/{name}", EMPTY.get(name, 0o755))
    for name in wanted.links:
        Path(root, name).symlink_to(Path("/", name).readlink())
    for name, tree in trees.items():
        _make_directory(f"{root}/{name}", 0o755)
        kernel.attach_tree(tree, f"{root}/{name}")
    for name in wanted.overlays:
        _make_directory(f"{root}/{name}", 0o755)
        own = {path: content for path, content in files.items() if path.startswith(f"/{name}/")}
        _mount_overlay(root, name, wanted.made.get(name, ()), own)
    for path, content in files.items():
        if path.split("/", 2)[1] in trees:
            _cover_file(root, path, content)


def _mount_overlay(root: str, name: str, made: Sequence[str], files: Mapping[str, str]) -> None:
    """One top-level directory; a file system that cannot be a lower layer is shown read-only instead."""
    upper, work = f"{STAGE}/layers/{name}/upper", f"{STAGE}/layers/{name}/work"
    Path(upper).mkdir(parents=True)
    Path(work).mkdir()
    Path(upper).chmod(_mode_of(f"/{name}"))
    for relative in made:
        Path(upper, relative).mkdir(parents=True, exist_ok=True)
        Path(upper, relative).chmod(_mode_of(f"/{name}/{relative}"))
    for path, content in files.items():
        Path(upper + path.removeprefix(f"/{name}")).write_text(content)
    layers = f"lowerdir=/{name},upperdir={upper},workdir={work},userxattr"
    try:
        kernel.mount("overlay", f"{root}/{name}", flags=_PLAIN, data=layers)
    except OSError:
        kernel.attach_tree(_read_only_tree(f"/{name}"), f"{root}/{name}")
        for path, content in files.items():
            _cover_file(root, path, content)


def _mode_of(path: str) -> int:
    """The host's mode without what only its owner could use; 0755 for what does not exist there."""
    try:
        return stat.S_IMODE(Path(path).lstat().st_mode) & 0o1777 | 0o700
    except OSError:
        return 0o755


def _make_directory(path: str, mode: int) -> None:
    Path(path).mkdir()
    Path(path).chmod(mode)


def _cover(place: str, path: str) -> None:
    """Hide what is there behind an empty directory (or /dev/null)."""
    if Path(place).is_dir():
        mode = "1777" if path in WORLD_WRITABLE else "0755"
        kernel.mount("tmpfs", place, flags=_PLAIN, data=f"mode={mode}")
    elif Path(place).exists():
        kernel.attach_tree(kernel.open_tree("/dev/null"), place)


def _cover_file(root: str, path: str, content: str) -> None:
    """Show a file of ours in place of the host's, where the directory itself cannot be written."""
    if not Path(root + path).exists():
        return
    file = Path(STAGE, "files" + path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    kernel.attach_tree(kernel.open_tree(str(file)), root + path)


def _place(tree: Tree, target: str) -> None:
    attributes = _VOLUME_ATTRIBUTES | (kernel.MOUNT_ATTR_RDONLY if tree.read_only else 0)
    if tree.is_directory:
        Path(target).mkdir(parents=True, exist_ok=True)
    else:
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o644))
    kernel.set_tree_attributes(tree.descriptor, attributes)
    kernel.attach_tree(tree.descriptor, target)
    os.close(tree.descriptor)


def _place_devices(directory: str, devices: dict[str, int]) -> None:
    for name, tree in devices.items():
        Path(directory, name).touch()
        kernel.attach_tree(tree, f"{directory}/{name}")
        os.close(tree)
    for name, target in DEVICE_LINKS.items():
        Path(directory, name).symlink_to(target)
    for name in ("pts", "shm"):
        Path(directory, name).mkdir()
    kernel.mount("tmpfs", f"{directory}/shm", flags=_PLAIN, data=f"mode=1777,size={SHARED_MEMORY_BYTES_MAX}")
    flags = kernel.MS_NOSUID | kernel.MS_NOEXEC
    try:
        kernel.mount("devpts", f"{directory}/pts", flags=flags, data="newinstance,ptmxmode=0666,mode=0620")
    except OSError:
        return  # no terminals inside; `kubectl exec -t` alone would want them


def _place_kernel_files(root: str) -> None:
    flags = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC
    kernel.mount("proc", f"{root}/proc", flags=flags)
    for name in PROC_READ_ONLY:
        if Path(root, "proc", name).exists():
            tree = _read_only_tree(f"{root}/proc/{name}")
            kernel.attach_tree(tree, f"{root}/proc/{name}")
            os.close(tree)
    for name in PROC_MASKED:
        _cover(f"{root}/proc/{name}", f"/proc/{name}")
    try:
        kernel.mount("sysfs", f"{root}/sys", flags=flags | kernel.MS_RDONLY)
    except OSError:
        return  # a host whose own /sys is covered in places allows none; programs cope with an empty one


def _change_root(root: str) -> None:
    os.chdir(root)
    old = ".old"
    Path(old).mkdir()
    kernel.pivot_root(".", old)
    os.chdir("/")
    kernel.unmount(f"/{old}")
    Path(f"/{old}").rmdir()
