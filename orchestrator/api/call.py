"""One call of the API: who asks for what, with which options."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from mesh.kube.kinds import Kind

FieldValidation = Literal["", "Ignore", "Warn", "Strict"]

MASTERS = "system:masters"
AUTHENTICATED = "system:authenticated"
WARNINGS_MAX = 32


@dataclass(frozen=True, slots=True)
class User:
    """Who was authenticated; `extra` is what TokenReview reports besides."""

    name: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: dict[str, list[str]] = field(default_factory=dict)

    def to_api(self) -> dict[str, Any]:
        info: dict[str, Any] = {"username": self.name}
        if self.uid:
            info["uid"] = self.uid
        if self.groups:
            info["groups"] = list(self.groups)
        if self.extra:
            info["extra"] = self.extra
        return info


INTERNAL = User("system:orchestrator", groups=(MASTERS, AUTHENTICATED))


@dataclass(slots=True)
class Call:
    """`warnings` collects what goes into Warning headers. No field manager: the write is not recorded in
    managedFields. `applied`: the fields that a server-side apply owns; `force` takes them from others. `created`: the
    write made an object that was not there."""

    user: User
    kind: Kind
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    dry_run: bool = False
    field_manager: str = ""
    field_validation: FieldValidation = ""
    applied: frozenset[tuple[str, ...]] | None = None
    force: bool = False
    created: bool = False
    warnings: list[str] = field(default_factory=list)

    @property
    def resource(self) -> str:
        """The storage of this kind, whatever the version."""
        return resource_of(self.kind)

    def warn(self, text: str) -> None:
        if len(self.warnings) < WARNINGS_MAX and text not in self.warnings:
            self.warnings.append(text)


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    grace_period_s: int | None = None
    propagation_policy: str = ""
    uid: str = ""
    resource_version: str = ""


def resource_of(kind: Kind) -> str:
    return f"{kind.group}/{kind.plural}"
