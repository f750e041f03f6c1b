"""From what a client sent to an object of the kind that the URL names: identity, schema, field validation."""

from __future__ import annotations

from mesh.kube.errors import ApiError
from mesh.kube.objects import Object
from mesh.kube.schema.check import Findings, check
from mesh.kube.schema.fields import is_custom, message_of
from orchestrator.api.call import Call
from orchestrator.api.errors import Cause, bad_request, failure, invalid_object


def identify(call: Call, obj: Object) -> None:
    """Check and fill apiVersion, kind, name and namespace against the URL."""
    kind = call.kind
    given = (obj.get("apiVersion") or kind.api_version, obj.get("kind") or kind.kind)
    if given != (kind.api_version, kind.kind):
        raise bad_request(
            f"the API version in the data ({given[0]}) does not match the expected API version ({kind.api_version})"
            if given[0] != kind.api_version
            else f"the kind in the data ({given[1]}) does not match the expected kind ({kind.kind})"
        )
    obj["apiVersion"], obj["kind"] = given
    meta = obj.get("metadata")
    if meta is None:
        meta = obj["metadata"] = {}
    if not isinstance(meta, dict):
        raise bad_request("metadata must be an object")
    if not kind.namespaced:
        meta.pop("namespace", None)
    elif (meta.get("namespace") or call.namespace) != call.namespace:
        raise bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
            if call.namespace
            else "namespace is required"
        )
    else:
        meta["namespace"] = call.namespace
    if call.name and (meta.get("name") or call.name) != call.name:
        raise bad_request(
            f"the name of the object ({meta.get('name')}) does not match the name on the URL ({call.name})"
        )
    if call.name:
        meta["name"] = call.name


def conform(call: Call, obj: Object) -> None:
    """Prune `obj` to its schema; what was wrong with it is refused, warned of or ignored as the call wants."""
    kind = call.kind
    schema = message_of(kind.api_version, kind.kind)
    if schema is None:
        return
    findings = check(obj, schema)
    if findings.wrong:
        raise _wrong_type(call, obj, findings)
    if not findings.unknown or call.field_validation == "Ignore":
        return
    sentences = [f'unknown field "{path}"' for path in findings.unknown]
    if call.field_validation == "Strict":
        text = f"strict decoding error: {', '.join(sentences)}"
        if not is_custom(kind.api_version):
            text = f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: {text}'
        raise bad_request(text)
    for sentence in sentences:
        call.warn(sentence)


def _wrong_type(call: Call, obj: Object, findings: Findings) -> ApiError:
    kind = call.kind
    if not is_custom(kind.api_version):
        reason = findings.wrong[0].reason
        text = f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: {reason}'
        return failure(400, text)
    causes = [
        Cause(
            "FieldValueTypeInvalid",
            wrong.path,
            f'Invalid value: "{wrong.found}": {wrong.path} in body must be of type {wrong.expected}: "{wrong.found}"',
        )
        for wrong in findings.wrong
    ]
    name = (obj.get("metadata") or {}).get("name") or ""
    return invalid_object(kind, name if isinstance(name, str) else "", causes)
