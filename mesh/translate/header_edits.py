"""`headers.request|response {set, add, remove}` of a rule or a destination -> Envoy's header mutations.

`set` before `add`, each sorted by name. `Host`/`:authority` among a request's headers is a rewrite of the host.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mesh.istio.values import items, mapping, text
from mesh.translate.resources import Resource

OVERWRITE = "OVERWRITE_IF_EXISTS_OR_ADD"
APPEND = "APPEND_IF_EXISTS_OR_ADD"


@dataclass(frozen=True, slots=True)
class HeaderEdits:
    """`fields` are the four *_headers_to_* lists that are not empty; `authority` "" = the host stays."""

    authority: str = ""
    fields: Resource = field(default_factory=dict)


def header_edits(headers: Mapping[str, Any]) -> HeaderEdits:
    request, response = mapping(headers.get("request")), mapping(headers.get("response"))
    fields = {
        "request_headers_to_add": _additions(request),
        "request_headers_to_remove": _removals(request),
        "response_headers_to_add": _additions(response),
        "response_headers_to_remove": _removals(response),
    }
    authority = _authority(mapping(request.get("set"))) or _authority(mapping(request.get("add")))
    return HeaderEdits(authority, {key: value for key, value in fields.items() if value})


def joined(first: HeaderEdits, second: HeaderEdits) -> Resource:
    """Both lists, `first`'s entries before `second`'s; so the second one's `set` overwrites."""
    keys = [*first.fields, *(key for key in second.fields if key not in first.fields)]
    return {key: [*first.fields.get(key, []), *second.fields.get(key, [])] for key in keys}


def _additions(edits: Mapping[str, Any]) -> list[Resource]:
    return [
        {"header": {"key": name, "value": text(value)}, "append_action": action}
        for key, action in (("set", OVERWRITE), ("add", APPEND))
        for name, value in sorted(mapping(edits.get(key)).items())
        if not _internal(name)
    ]


def _removals(edits: Mapping[str, Any]) -> list[str]:
    return [text(name) for name in items(edits.get("remove")) if not _internal(text(name))]


def _authority(values: Mapping[str, Any]) -> str:
    found = [text(value) for name, value in values.items() if name.lower() in (":authority", "host")]
    return found[-1] if found else ""


def _internal(name: str) -> bool:
    return name.startswith(":") or name.lower() == "host"
