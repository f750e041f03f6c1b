"""Writing a volume's files so that readers see the old ones or the new ones, never a mixture.

As a kubelet's atomic writer: a time-stamped directory holds the files, `..data` is a symbolic link to it that is
replaced in one step, and each top-level name links through `..data`.
"""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path

from orchestrator.kubelet.payloads import Payload

DATA = "..data"
DIRECTORY_MODE = 0o755


def write(directory: Path, files: Payload, *, owner: int = -1, group: int = -1) -> bool:
    """Make `directory` hold exactly `files`; True if anything changed. -1 leaves the owner alone."""
    directory.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
    current = directory / DATA
    if current.is_symlink() and _read(current) == {path: content for path, (content, _) in files.items()}:
        return False
    fresh = directory / f"..{secrets.token_hex(6)}"
    fresh.mkdir(mode=DIRECTORY_MODE)
    for path, (content, mode) in files.items():
        target = fresh / path
        target.parent.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), mode)
    _own(fresh, owner, group)
    before = current.resolve() if current.is_symlink() else None
    link = directory / f"..tmp-{secrets.token_hex(6)}"
    link.symlink_to(fresh.name)
    link.replace(current)
    _link_names(directory, {path.partition("/")[0] for path in files})
    if owner >= 0 or group >= 0:
        os.chown(directory, owner, group)
    if before is not None and before.parent == directory.resolve():
        shutil.rmtree(before, ignore_errors=True)
    return True


def _read(data: Path) -> dict[str, bytes]:
    root = data.resolve()
    return {str(file.relative_to(root)): file.read_bytes() for file in root.rglob("*") if file.is_file()}


def _own(root: Path, owner: int, group: int) -> None:
    if owner < 0 and group < 0:
        return
    os.chown(root, owner, group)
    for path in root.rglob("*"):
        os.chown(path, owner, group, follow_symlinks=False)


def _link_names(directory: Path, names: set[str]) -> None:
    for entry in directory.iterdir():
        if not entry.name.startswith("..") and entry.name not in names:
            entry.unlink()
    for name in names:
        link = directory / name
        if not link.is_symlink():
            link.symlink_to(f"{DATA}/{name}")
