"""Merging a mesh's kubeconfig into the user's, and taking it out again, the way kind does it.

The entries of cluster, user and context carry the context's name; other entries are never touched, and the file
is replaced in one step under a lock file beside it (`config.lock`, as client-go does), mode 0600.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from mesh.cli.output import Failure

LOCK_WAIT_S = 5.0
LOCK_POLL_S = 0.05

Config = dict[str, Any]


def user_kubeconfig(chosen: Path | None) -> Path:
    """`--kubeconfig`, else the first file of $KUBECONFIG, else ~/.kube/config."""
    if chosen is not None:
        return chosen
    listed = [part for part in os.environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    return Path(listed[0]) if listed else Path.home() / ".kube" / "config"


def merge(target: Path, source: Path, context: str) -> None:
    """Put the one cluster, user and context of `source` into `target` as `context`, and make it current."""
    ours = yaml.safe_load(source.read_text())
    entries = {
        "clusters": {"name": context, "cluster": ours["clusters"][0]["cluster"]},
        "users": {"name": context, "user": ours["users"][0]["user"]},
        "contexts": {"name": context, "context": {"cluster": context, "user": context}},
    }

    def change(config: Config) -> None:
        config.setdefault("apiVersion", "v1")
        config.setdefault("kind", "Config")
        for section, entry in entries.items():
            config[section] = [*_others(config, section, context), entry]
        config["current-context"] = context

    _edit(target, change)


def remove(target: Path, context: str) -> None:
    """Take `context` out of `target`; a file that is not there, or has no such context, stays as it is."""
    if not target.exists():
        return

    def change(config: Config) -> None:
        for section in ("clusters", "users", "contexts"):
            config[section] = _others(config, section, context)
        if config.get("current-context") == context:
            config["current-context"] = ""

    _edit(target, change)


def _others(config: Config, section: str, context: str) -> list[Any]:
    return [entry for entry in config.get(section) or [] if entry.get("name") != context]


def _edit(target: Path, change: Callable[[Config], None]) -> None:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked(target):
        before = target.read_text() if target.exists() else ""
        try:
            config = yaml.safe_load(before) or {}
        except yaml.YAMLError as broken:
            raise Failure(f"{target} is not YAML: {broken}\nmend it, or choose another with --kubeconfig") from broken
        change(config)
        after = yaml.safe_dump(config, sort_keys=False)
        if after == before:
            return
        fresh = target.with_name(f"{target.name}.new-{os.getpid()}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(after)
        fresh.replace(target)


@contextmanager
def _locked(target: Path) -> Iterator[None]:
    lock = target.with_name(target.name + ".lock")
    deadline = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            break
        except FileExistsError:
            if time.monotonic() > deadline:
                raise Failure(f"{lock} is held by another program\nremove it if none is running") from None
            time.sleep(LOCK_POLL_S)
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)
