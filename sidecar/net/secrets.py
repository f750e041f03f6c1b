"""Certificates and keys by name, replaced while connections run.

`default` (the workload's certificate) and `ROOTCA` come from the proxy's own identity; others arrive as resources.
Who uses a secret asks `version` to learn whether what it built from it is still current.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Secret:
    """Material as PEM. A key is given as bytes, or as a path OpenSSL can open (`/proc/self/fd/N` of a memfd)."""

    certificate_chain: bytes = b""
    private_key: bytes = b""
    private_key_path: str = ""
    trusted_ca: bytes = b""


class SecretStore:
    """get/set by name; watchers are called with the name after each change."""

    def __init__(self) -> None:
        self._secrets: dict[str, Secret] = {}
        self._watchers: list[Callable[[str], None]] = []
        self.version = 0

    def get(self, name: str) -> Secret | None:
        return self._secrets.get(name)

    def set(self, name: str, secret: Secret) -> None:
        self._secrets[name] = secret
        self._changed(name)

    def remove(self, name: str) -> None:
        if self._secrets.pop(name, None) is not None:
            self._changed(name)

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self._secrets))

    def watch(self, changed: Callable[[str], None]) -> None:
        self._watchers.append(changed)

    def _changed(self, name: str) -> None:
        self.version += 1
        for watcher in self._watchers:
            watcher(name)
