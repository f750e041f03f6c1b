"""What an image name stands for on this machine: a directory and a command, or the built-in proxy.

Names follow Docker's normalisation (distribution/reference): a name without a registry is in docker.io, one
without a path there is in library/. A binding without tag or digest matches every tag; one with a tag wins over it.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

PROXY_REPOSITORY = "docker.io/pocketmesh/proxyv2"
"""Built in: its containers are forked from the sidecar zygote and run outside the pod."""
REFERENCE_BYTES_MAX = 4096
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_REGISTRY = re.compile(r"(?:[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9-]*[A-Za-z0-9])(?:\.[A-Za-z0-9-]+)*(?::[0-9]+)?")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[0-9a-fA-F]{32,}")


class ImageError(Exception):
    """A name or a binding that cannot be used; the message is meant for people and Events."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A normalised name. `tag` and `digest` are "" when not written."""

    repository: str
    tag: str = ""
    digest: str = ""

    def __str__(self) -> str:
        return self.repository + (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")


class Image(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A binding: `command` is the entrypoint (a manifest's `command` replaces it, its `args` append)."""

    dir: str
    command: tuple[str, ...]
    workdir: str = ""
    env: dict[str, str] = {}


def parse_reference(text: str) -> Reference:
    """Raises `ImageError` for what Docker would call an invalid reference format."""
    if not text or len(text) > REFERENCE_BYTES_MAX:
        raise ImageError(f'invalid image name "{text[:80]}"')
    rest, _, digest = text.partition("@")
    if (digest and not _DIGEST.fullmatch(digest)) or text.endswith("@"):
        raise ImageError(f'invalid image name "{text}": bad digest')
    head, slash, tail = rest.rpartition("/")
    name, colon, tag = tail.partition(":")
    if colon and not _TAG.fullmatch(tag):
        raise ImageError(f'invalid image name "{text}": bad tag')
    registry, path = _split_registry(head + slash + name)
    if not _REPOSITORY.fullmatch(path) or not _REGISTRY.fullmatch(registry):
        raise ImageError(f'invalid image name "{text}": want [REGISTRY/]NAME[:TAG] in lower case')
    return Reference(f"{registry}/{path}", tag, digest)


def _split_registry(name: str) -> tuple[str, str]:
    first, slash, rest = name.partition("/")
    if slash and (first == "localhost" or "." in first or ":" in first):
        registry, path = first, rest
    else:
        registry, path = "docker.io", name
    if registry == "index.docker.io":
        registry = "docker.io"
    if registry == "docker.io" and "/" not in path:
        path = f"library/{path}"
    return registry, path


def is_proxy(reference: Reference) -> bool:
    return reference.repository == PROXY_REPOSITORY


class Images:
    """The bindings of one home, read again whenever the file changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int, int] | None = None
        self._bindings: dict[str, Image] = {}

    def bindings(self) -> Mapping[str, Image]:
        """Normalised reference -> image."""
        try:
            found = self._path.stat()
        except FileNotFoundError:
            self._stamp, self._bindings = None, {}
            return self._bindings
        stamp = (found.st_mtime_ns, found.st_ino, found.st_size)
        if stamp != self._stamp:
            self._bindings = self._load()
            self._stamp = stamp
        return self._bindings

    def find(self, text: str) -> Image:
        """The image a manifest means; raises `ImageError` with the remedy (the message of ErrImagePull)."""
        reference = parse_reference(text)
        bindings = self.bindings()
        for candidate in (str(reference), f"{reference.repository}:{reference.tag}", reference.repository):
            if candidate in bindings:
                return bindings[candidate]
        if not reference.tag and not reference.digest and f"{reference.repository}:latest" in bindings:
            return bindings[f"{reference.repository}:latest"]
        raise ImageError(
            f'image "{text}" is not bound to a directory on this machine; bind it: '
            f"mesh image add {_familiar(reference)} --dir DIR -- COMMAND..."
        )

    def add(self, text: str, image: Image) -> Reference:
        reference = parse_reference(text)
        if is_proxy(reference):
            raise ImageError(f"{PROXY_REPOSITORY} is built in and cannot be bound")
        if not Path(image.dir).is_dir():
            raise ImageError(f"{image.dir} is not a directory")
        if not image.command:
            raise ImageError("an image needs a command: mesh image add REF --dir DIR -- COMMAND...")
        with self._locked() as bindings:
            bindings[str(reference)] = image
        return reference

    def remove(self, text: str) -> Reference:
        reference = parse_reference(text)
        with self._locked() as bindings:
            if bindings.pop(str(reference), None) is None:
                raise ImageError(f'image "{text}" is not bound; see: mesh image ls')
        return reference

    def _load(self) -> dict[str, Image]:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, Image])
        except FileNotFoundError:
            return {}
        except msgspec.MsgspecError as broken:
            raise ImageError(f"{self._path} cannot be read: {broken}") from None

    @contextmanager
    def _locked(self) -> Iterator[dict[str, Image]]:
        """Read, let the caller change, and replace the file; two commands at once do not lose each other's."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(self._path.with_suffix(".lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            bindings = self._load()
            yield bindings
            beside = self._path.with_suffix(".new")
            beside.write_bytes(msgspec.json.format(msgspec.json.encode(bindings), indent=2))
            beside.replace(self._path)
        finally:
            os.close(lock)


def _familiar(reference: Reference) -> str:
    """The name as people write it: without docker.io/library/ and tag."""
    return reference.repository.removeprefix("docker.io/").removeprefix("library/")
