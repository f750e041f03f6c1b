"""What every client of the Kubernetes API can do, whoever carries the bytes.

`HttpClient` (`mesh.kube.http`) speaks to a real server; the orchestrator hands its own controllers a client
that calls the API server in the same process. Both obey this protocol, so a controller cannot tell.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from mesh.kube.kinds import Kind
from mesh.kube.objects import Object

PatchType = Literal["json", "merge", "strategic", "apply"]

PATCH_CONTENT_TYPES: dict[PatchType, str] = {
    "json": "application/json-patch+json",
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "apply": "application/apply-patch+yaml",
}


@dataclass(frozen=True, slots=True)
class ObjectList:
    items: list[Object]
    resource_version: str
    continue_token: str = ""


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """`type` is ADDED, MODIFIED, DELETED or BOOKMARK; an ERROR event is raised as `ApiError` instead."""

    type: str
    object: Object


class Client(Protocol):
    """Verbs of the Kubernetes API. Every failure that the server decided is an `mesh.kube.errors.ApiError`."""

    async def get(self, kind: Kind, name: str, namespace: str = "", *, subresource: str = "") -> Object: ...

    async def list(
        self, kind: Kind, namespace: str = "", *, label_selector: str = "", field_selector: str = "", limit: int = 0,
        continue_token: str = "",
    ) -> ObjectList: ...  # fmt: skip

    async def create(
        self, kind: Kind, obj: Object, namespace: str = "", *, name: str = "", subresource: str = "",
        field_validation: str = "", dry_run: bool = False,
    ) -> Object: ...  # fmt: skip

    async def update(self, kind: Kind, obj: Object, *, subresource: str = "") -> Object: ...

    async def patch(
        self, kind: Kind, name: str, patch: Any, namespace: str = "", *, patch_type: PatchType = "merge",
        subresource: str = "", field_manager: str = "", field_validation: str = "", dry_run: bool = False,
    ) -> Object: ...  # fmt: skip

    async def delete(
        self, kind: Kind, name: str, namespace: str = "", *, grace_period_s: int | None = None,
        propagation_policy: str = "", uid: str = "",
    ) -> Object: ...  # fmt: skip

    def watch(
        self,
        kind: Kind,
        namespace: str = "",
        *,
        resource_version: str = "",
        label_selector: str = "",
        field_selector: str = "",
        bookmarks: bool = True,
    ) -> AsyncIterator[WatchEvent]:
        """Events after `resource_version`, until the server ends the stream; "" starts with the current state."""
        ...

    def stream(self, path: str, query: Mapping[str, str] | None = None) -> AsyncIterator[bytes]:
        """The raw body of a GET as it arrives (`log`)."""
        ...

    async def close(self) -> None: ...
