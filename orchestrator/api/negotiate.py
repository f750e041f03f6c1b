"""Content negotiation: which representation of objects a client asks for. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

Representation = Literal["object", "table", "metadata", "metadata-list"]

ACCEPT_LENGTH_MAX = 4096


@dataclass(frozen=True, slots=True)
class MediaType:
    """`application/json;as=Table;v=v1;g=meta.k8s.io` taken apart."""

    type: str
    parameters: dict[str, str]


@lru_cache(maxsize=512)
def parse_accept(header: str) -> tuple[MediaType, ...]:
    """Media types in the client's order; clients of Kubernetes list their favourite first and use no q."""
    found: list[MediaType] = []
    for item in header[:ACCEPT_LENGTH_MAX].split(","):
        kind, *parameters = (part.strip() for part in item.split(";"))
        if kind:
            pairs = (parameter.partition("=") for parameter in parameters)
            found.append(MediaType(kind.lower(), {key: value for key, _, value in pairs}))
    return tuple(found)


def representation(header: str) -> Representation | None:
    """The first of the accepted types that we can write; None when there is none (406)."""
    accepted = parse_accept(header)
    for media in accepted:
        if media.type not in ("application/json", "application/*", "*/*", "application/yaml"):
            continue
        wanted = media.parameters.get("as")
        if wanted == "Table" and media.parameters.get("v") in ("v1", None):
            return "table"
        if wanted == "PartialObjectMetadata":
            return "metadata"
        if wanted == "PartialObjectMetadataList":
            return "metadata-list"
        if wanted is None:
            return "object"
    return None if accepted and not _lenient(accepted) else "object"


def _lenient(accepted: tuple[MediaType, ...]) -> bool:
    # A typed client that asks for protobuf alone still reads JSON by its Content-Type.
    return all(media.type == "application/vnd.kubernetes.protobuf" for media in accepted)


def wants_yaml(header: str) -> bool:
    accepted = parse_accept(header)
    return bool(accepted) and accepted[0].type in ("application/yaml", "text/yaml")


def wants_aggregated(header: str) -> str:
    """The version of aggregated discovery asked for (`v2`, `v2beta1`), "" for the legacy lists."""
    for media in parse_accept(header):
        if media.parameters.get("as") == "APIGroupDiscoveryList" and media.parameters.get("v") in ("v2", "v2beta1"):
            return media.parameters["v"]
    return ""
