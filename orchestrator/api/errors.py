"""The Status failures of the Kubernetes API, worded as Kubernetes words them.

Clients compare whole bodies: compact JSON, fields in the order kind, apiVersion, metadata, status, message, reason,
details, code, an empty `details.group` left out, a newline at the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from mesh.kube.errors import ApiError
from mesh.kube.kinds import Kind
from mesh.kube.objects import Object

_REASONS = {
    400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 405: "MethodNotAllowed",
    406: "NotAcceptable", 409: "Conflict", 410: "Expired", 413: "RequestEntityTooLarge",
    415: "UnsupportedMediaType", 422: "Invalid", 429: "TooManyRequests", 500: "InternalError",
    501: "NotImplemented", 503: "ServiceUnavailable", 504: "Timeout",
}  # fmt: skip
CAUSES_MAX = 64


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason why an object is invalid; `reason` is FieldValueRequired, FieldValueInvalid and so on."""

    reason: str
    field: str
    message: str


def required(field: str, detail: str = "") -> Cause:
    return Cause("FieldValueRequired", field, f"Required value: {detail}" if detail else "Required value")


def invalid(field: str, value: Any, detail: str) -> Cause:
    return Cause("FieldValueInvalid", field, f"Invalid value: {_shown(value)}: {detail}")


def duplicate(field: str, value: Any) -> Cause:
    return Cause("FieldValueDuplicate", field, f"Duplicate value: {_shown(value)}")


def not_supported(field: str, value: Any, supported: Sequence[str]) -> Cause:
    words = ", ".join(f'"{word}"' for word in supported)
    return Cause("FieldValueNotSupported", field, f"Unsupported value: {_shown(value)}: supported values: {words}")


def forbidden_field(field: str, detail: str) -> Cause:
    return Cause("FieldValueForbidden", field, f"Forbidden: {detail}")


def missing(field: str, value: Any) -> Cause:
    return Cause("FieldValueNotFound", field, f"Not found: {_shown(value)}")


def too_long(field: str, limit: int) -> Cause:
    return Cause("FieldValueTooLong", field, f"Too long: may not be more than {limit} bytes")


def _shown(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def status_body(status: Object) -> bytes:
    return msgspec.json.encode(status) + b"\n"


def failure(
    code: int, message: str, *, reason: str = "", details: Object | None = None, causes: Iterable[Cause] = ()
) -> ApiError:
    listed = [{"reason": cause.reason, "message": cause.message, "field": cause.field} for cause in causes]
    if listed:
        details = {**(details or {}), "causes": listed}
    word = reason or _REASONS.get(code, "")
    status: Object = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": word,
    }
    if details:
        status["details"] = details
    status["code"] = code
    return ApiError(code, word, message, status)


def details(kind: Kind, name: str = "", *, as_kind: bool = False, **more: Any) -> Object:
    """`kind` in details is the plural for most failures, the kind itself for Invalid."""
    found: Object = {"name": name} if name else {}
    if kind.group:
        found["group"] = kind.group
    found["kind"] = kind.kind if as_kind else kind.plural
    found.update(more)
    return found


def not_found(kind: Kind, name: str) -> ApiError:
    return failure(404, f'{kind.qualified} "{name}" not found', details=details(kind, name))


def already_exists(kind: Kind, name: str) -> ApiError:
    message = f'{kind.qualified} "{name}" already exists'
    return failure(409, message, reason="AlreadyExists", details=details(kind, name))


def conflict(kind: Kind, name: str, why: str = "") -> ApiError:
    reason = why or (
        "the object has been modified; please apply your changes to the latest version and try again"
    )  # fmt: skip
    message = f'Operation cannot be fulfilled on {kind.qualified} "{name}": {reason}'
    return failure(409, message, details=details(kind, name))


def bad_request(message: str) -> ApiError:
    return failure(400, message)


def forbidden(kind: Kind, name: str, why: str, *, causes: Iterable[Cause] = ()) -> ApiError:
    message = f'{kind.qualified} "{name}" is forbidden: {why}'
    listed = [{"reason": c.reason, "message": c.message, "field": c.field} for c in causes]
    more = details(kind, name)
    if listed:
        more["causes"] = listed
    return failure(403, message, details=more)


def invalid_object(kind: Kind, name: str, causes: Sequence[Cause]) -> ApiError:
    """422 with every cause: one is written out, several in brackets."""
    shown = causes[:CAUSES_MAX]
    sentences = [f"{cause.field}: {cause.message}" for cause in shown]
    text = sentences[0] if len(sentences) == 1 else f"[{', '.join(sentences)}]"
    qualified = f"{kind.kind}.{kind.group}" if kind.group else kind.kind
    listed = [{"reason": cause.reason, "message": cause.message, "field": cause.field} for cause in shown]
    message = f'{qualified} "{name}" is invalid: {text}'
    return failure(422, message, details=details(kind, name, as_kind=True, causes=listed))


def invalid_options(kind: str, causes: Sequence[Cause]) -> ApiError:
    """422 for the options of a request, which have no name."""
    listed = [{"reason": cause.reason, "message": cause.message, "field": cause.field} for cause in causes]
    text = ", ".join(f"{cause.field}: {cause.message}" for cause in causes)
    more: Object = {"group": "meta.k8s.io", "kind": kind, "causes": listed}
    return failure(422, f'{kind}.meta.k8s.io "" is invalid: {text}', details=more)


def expired(message: str) -> ApiError:
    return failure(410, message, reason="Expired")


def not_allowed() -> ApiError:
    return failure(405, "the server does not allow this method on the requested resource", details={})


def unauthorized() -> ApiError:
    return failure(401, "Unauthorized")


def unsupported_media_type(message: str) -> ApiError:
    return failure(415, message)


def not_implemented(message: str) -> ApiError:
    return failure(501, message)


def internal(message: str) -> ApiError:
    return failure(500, f"Internal error occurred: {message}", details={"causes": [{"message": message}]})


def success(kind: Kind, name: str, uid: str) -> Object:
    """What a deletion that is over answers."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": details(kind, name, uid=uid),
    }
