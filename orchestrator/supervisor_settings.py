"""What a mesh was asked to be, kept in its home: its name and its ports.

A port given as 0 is chosen once and kept, so kubeconfigs stay valid across restarts; when such a port is taken by
somebody else later, another is chosen. A port that a person named is theirs to change: then the setting is named.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from orchestrator.layout import DEFAULT_NAME

PATIENCE_S = 1.0
POLL_S = 0.02


class SettingsError(Exception):
    """The mesh cannot start as asked; the message says which setting to change."""


@dataclass(frozen=True, slots=True)
class PortSetting:
    """A port's key in settings.json, its flag, what it is for, its default and the address it must be free on."""

    key: str
    flag: str
    purpose: str
    default: int
    address: str


PORTS = (
    PortSetting("apiPort", "--api-port", "the Kubernetes API", 0, "127.0.0.1"),
    PortSetting("xdsPort", "--xds-port", "the control plane", 0, "127.0.0.1"),
    PortSetting("ingressHttpPort", "--ingress-http-port", "the ingress gateway (HTTP)", 8080, "0.0.0.0"),
    PortSetting("ingressHttpsPort", "--ingress-https-port", "the ingress gateway (HTTPS)", 8443, "0.0.0.0"),
)


INGRESS_PORTS = ("ingressHttpPort", "ingressHttpsPort")


class Settings(msgspec.Struct, frozen=True):
    """`ports` are the ones in use; `automatic` names those nobody asked for by number."""

    name: str
    ports: dict[str, int]
    automatic: tuple[str, ...] = ()

    @property
    def context(self) -> str:
        """kubectl's context: pocketmesh, else pocketmesh-NAME."""
        return self.name if self.name == DEFAULT_NAME else f"{DEFAULT_NAME}-{self.name}"


def load(path: Path) -> Settings | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Settings)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError as broken:
        raise SettingsError(f"{path} cannot be read ({broken}); delete it to start with the defaults") from None


def choose(
    previous: Settings | None, *, name: str | None, ports: Mapping[str, int | None], held_by_us: Collection[str] = ()
) -> Settings:
    """Settle name and ports: what was asked now, else what was before, else the default. None = not asked.

    `held_by_us`: keys of ports on which a gateway of this mesh still listens, so that being taken is no obstacle.
    """
    chosen: dict[str, int] = {}
    automatic: list[str] = []
    held: list[socket.socket] = []
    try:
        for setting in PORTS:
            asked = ports.get(setting.key)
            kept = previous.ports.get(setting.key) if previous else None
            was_automatic = previous is not None and setting.key in previous.automatic
            wanted = asked if asked is not None else kept if kept is not None else setting.default
            free_choice = wanted == 0 or (asked in (None, 0) and was_automatic)
            if asked == 0 and was_automatic and kept:
                wanted = kept
            if wanted == kept and setting.key in held_by_us and not _free(setting.address, wanted):
                chosen[setting.key] = wanted
                automatic.extend([setting.key] if free_choice else [])
                continue
            held.append(
                _take(setting, wanted, free_choice=free_choice, patience_s=PATIENCE_S if wanted == kept else 0.0)
            )
            chosen[setting.key] = held[-1].getsockname()[1]
            if free_choice:
                automatic.append(setting.key)
    finally:
        for taken in held:
            taken.close()
    return Settings(name or (previous.name if previous else DEFAULT_NAME), chosen, tuple(automatic))


def _take(setting: PortSetting, port: int, *, free_choice: bool, patience_s: float) -> socket.socket:
    """A socket bound to the port, as proof; the caller closes it when all are chosen.

    `patience_s`: a killed process holds its sockets until its last thread has ended, so our own port is waited for.
    """
    deadline = time.monotonic() + patience_s
    try:
        while True:
            try:
                return _bind(setting.address, port)
            except OSError:
                if time.monotonic() >= deadline:
                    raise
            time.sleep(POLL_S)
    except OSError as failure:
        if free_choice:
            return _bind(setting.address, 0)
        raise SettingsError(
            f"port {port} for {setting.purpose} cannot be used: {failure.strerror}\n"
            f"choose another: mesh up {setting.flag} PORT (0 = any free one)"
        ) from None


def _free(address: str, port: int) -> bool:
    try:
        _bind(address, port).close()
    except OSError:
        return False
    return True


def _bind(address: str, port: int) -> socket.socket:
    taken = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # TIME_WAIT of a former life is no obstacle
        taken.bind((address, port))
        taken.listen(1)
    except BaseException:
        taken.close()
        raise
    return taken


def save(path: Path, value: object) -> None:
    """Replace a JSON file in one step."""
    beside = path.with_suffix(".new")
    beside.write_bytes(msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")
    beside.replace(path)
