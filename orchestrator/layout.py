"""Where everything lives: the home (state that stays) and the run directory (sockets, volumes in memory).

The run directory is short because a UNIX socket's path has at most 107 bytes, and private because whoever can
connect to a shim can act as the pod. Nothing here starts or stops anything.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SOCKET_PATH_BYTES_MAX = 107
LONGEST_SOCKET = "pods/10.244.255.255/inbound.sock"
DEFAULT_NAME = "pocketmesh"


class LayoutError(Exception):
    """A directory cannot be used safely; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Layout:
    home: Path
    run: Path

    @property
    def settings(self) -> Path:
        return self.home / "settings.json"

    @property
    def state(self) -> Path:
        return self.home / "state.json"

    @property
    def images(self) -> Path:
        return self.home / "images.json"

    @property
    def kubeconfig(self) -> Path:
        return self.home / "kubeconfig"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def orchestrator(self) -> Path:
        return self.home / "orchestrator"

    @property
    def control_plane(self) -> Path:
        return self.home / "control-plane"

    @property
    def node_proxy(self) -> Path:
        return self.home / "node-proxy"

    @property
    def supervisor_socket(self) -> Path:
        return self.run / "supervisor.sock"

    @property
    def sandbox_zygote_socket(self) -> Path:
        return self.run / "sandbox-zygote.sock"

    @property
    def sidecar_zygote_socket(self) -> Path:
        return self.run / "sidecar-zygote.sock"

    @property
    def sandboxes(self) -> Path:
        return self.run / "pods"

    def pod(self, uid: str) -> Path:
        """A pod's state on disk: logs, emptyDirs."""
        return self.home / "pods" / uid

    def sandbox(self, ip: str) -> Path:
        """A pod's sockets; also the value of the annotation pocketmesh.io/sandbox."""
        return self.sandboxes / ip

    def volumes(self, uid: str) -> Path:
        """configMap, secret and projected volumes of a pod."""
        return self.run / "volumes" / uid

    def proxy(self, uid: str) -> Path:
        """The directory of a pod's proxy: admin socket, last good configuration."""
        return self.run / "proxies" / uid

    def prepare(self) -> None:
        """Make both directories, private to this user; raises `LayoutError` when one belongs to another."""
        private_directory(self.home)
        private_directory(self.run)
        for directory in (self.logs, self.sandboxes):
            private_directory(directory)


def default_home(environ: Mapping[str, str] = os.environ) -> Path:
    """$POCKETMESH_HOME, else ~/.pocketmesh."""
    chosen = environ.get("POCKETMESH_HOME")
    return Path(chosen).resolve() if chosen else Path.home() / ".pocketmesh"


def layout_of(home: Path, environ: Mapping[str, str] = os.environ) -> Layout:
    """The layout of a home; the run directory is named after it, so two meshes never meet."""
    home = home.resolve()
    digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:8]
    uid = os.getuid()
    runtime = environ.get("XDG_RUNTIME_DIR")
    if runtime and _usable(Path(runtime), uid):
        run = Path(runtime) / f"pm-{digest}"
    else:
        run = Path(environ.get("TMPDIR") or tempfile.gettempdir()) / f"pm-{uid}-{digest}"
    if len(os.fsencode(run / LONGEST_SOCKET)) > SOCKET_PATH_BYTES_MAX:
        run = Path("/tmp") / f"pm-{uid}-{digest}"
    return Layout(home, run)


def private_directory(path: Path) -> None:
    """Make `path` with mode 0700, or check that it is ours and nobody else's."""
    try:
        path.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode):
            raise LayoutError(f"{path} is not a directory") from None
        if found.st_uid != os.getuid():
            raise LayoutError(f"{path} belongs to user {found.st_uid}; remove it, or set TMPDIR") from None
        if stat.S_IMODE(found.st_mode) & 0o077:
            path.chmod(0o700)
    except PermissionError as denied:
        raise LayoutError(f"cannot make {path}: {denied.strerror}; set POCKETMESH_HOME") from None


def _usable(directory: Path, uid: int) -> bool:
    try:
        return directory.stat().st_uid == uid and os.access(directory, os.W_OK | os.X_OK)
    except OSError:
        return False
