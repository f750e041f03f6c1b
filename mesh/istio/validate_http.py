"""http[] of a VirtualService: which rules Istio refuses, and which it warns about."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

from mesh.istio.check_values import (
    check_duration,
    check_percent,
    check_regex,
    check_string_match,
)
from mesh.istio.findings import Findings
from mesh.istio.validate_destinations import check_destination, check_weights
from mesh.istio.validate_headers import check_header_edits, header_authority
from mesh.istio.values import StringMatch, duration_s, integer, items, mapping, text

RETRY_POLICIES = frozenset({
    "5xx", "gateway-error", "reset", "reset-before-request", "connect-failure", "envoy-ratelimited", "retriable-4xx",
    "refused-stream", "retriable-status-codes", "retriable-headers", "http3-post-connect-failure", "cancelled",
    "deadline-exceeded", "internal", "resource-exhausted", "unavailable",
})  # fmt: skip
CORS_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "CONNECT", "TRACE", "*"})
GRPC_STATUSES = frozenset({
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
    "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
    "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
})  # fmt: skip
BODY_BYTES_MAX = 1024 * 1024
BODY_BYTES_WARN = 100 * 1024
CLAIM_PREFIX = "@request.auth.claims"
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z:-]+")


def check_http_rule(found: Findings, rule: Mapping[str, Any], *, delegate: bool, gateway_only: bool) -> None:
    """`delegate`: the VirtualService has no hosts. `gateway_only`: no sidecar uses it."""
    _check_action(found, rule, delegate=delegate)
    for at, match in found.each("match", rule.get("match")):
        if match is not None:
            _check_match(at, mapping(match), gateway_only=gateway_only)
    for at, route in found.each("route", rule.get("route")):
        check_destination(at.at("destination"), mapping(route).get("destination"))
        check_header_edits(at.at("headers"), mapping(mapping(route).get("headers")))
    check_weights(found, rule.get("route"))
    check_header_edits(found.at("headers"), mapping(rule.get("headers")))
    check_duration(found, rule, "timeout", zero=True)
    if rule.get("rewrite") is not None:
        _check_rewrite(found.at("rewrite"), mapping(rule["rewrite"]), rule)
    if rule.get("redirect") is not None:
        _check_redirect(found.at("redirect"), mapping(rule["redirect"]), rule)
    if rule.get("directResponse") is not None:
        _check_direct_response(found.at("directResponse"), mapping(rule["directResponse"]))
    if rule.get("retries") is not None:
        _check_retries(found.at("retries"), mapping(rule["retries"]))
    _check_fault(found.at("fault"), mapping(rule.get("fault")))
    _check_mirrors(found, rule)
    if rule.get("corsPolicy") is not None:
        _check_cors(found.at("corsPolicy"), mapping(rule["corsPolicy"]))


def _check_action(found: Findings, rule: Mapping[str, Any], *, delegate: bool) -> None:
    present = [key for key in ("route", "redirect", "directResponse", "delegate") if rule.get(key)]
    if rule.get("redirect") is not None and "redirect" not in present:
        present.append("redirect")
    if not present:
        found.error("HTTP route, redirect or directResponse is required")
    elif len(present) > 1:
        found.error(f"HTTP route cannot contain both {present[0]} and {present[1]}", present[1])
    if rule.get("delegate"):
        found.require(not delegate, "a delegate VirtualService cannot delegate further", "delegate")
        found.require(mapping(rule["delegate"]).get("name"), "delegate needs a name", "delegate.name")


def _check_match(found: Findings, match: Mapping[str, Any], *, gateway_only: bool) -> None:
    check_string_match(found, match.get("uri"), "uri", empty_prefix=True)
    for key in ("scheme", "method", "authority"):
        if match.get(key) is not None:
            check_string_match(found, match[key], key)
    for key in ("headers", "withoutHeaders"):
        for name, value in mapping(match.get(key)).items():
            below = f"{key}[{name}]"
            if name.startswith(CLAIM_PREFIX):
                found.require(gateway_only, "JWT claim based routing is only supported for gateways", below)
            elif not _HEADER_NAME.fullmatch(name):
                found.error("header name is invalid", below)
            if value is not None:
                check_string_match(found, value, below)
    for name, value in mapping(match.get("queryParams")).items():
        check_string_match(found, value, f"queryParams[{name}]", empty_prefix=True)
    if match.get("port") is not None and not 1 <= integer(match["port"]) <= 65535:
        found.error("port must be in the range 1..65535", "port")


def _check_rewrite(found: Findings, rewrite: Mapping[str, Any], rule: Mapping[str, Any]) -> None:
    expression = mapping(rewrite.get("uriRegexRewrite"))
    if not rewrite.get("uri") and not rewrite.get("authority") and not expression:
        found.error("rewrite must specify uri, uriRegexRewrite or authority")
    if rewrite.get("uri") and expression:
        found.error("rewrite may only specify one of uri or uriRegexRewrite", "uriRegexRewrite")
    if expression:
        check_regex(found, text(expression.get("match")), "uriRegexRewrite.match")
        found.require(expression.get("match") and expression.get("rewrite"), "match and rewrite are required",
                      "uriRegexRewrite")  # fmt: skip
    if rewrite.get("authority") and header_authority(mapping(rule.get("headers"))):
        found.error("the authority is set by rewrite and by headers", "authority")
    if rule.get("redirect") is not None or rule.get("directResponse") is not None:
        found.error("rewrite cannot stand beside redirect or directResponse")


def _check_redirect(found: Findings, redirect: Mapping[str, Any], rule: Mapping[str, Any]) -> None:
    fields = ("uri", "authority", "scheme", "port", "derivePort", "prefixRewrite")
    found.require(any(redirect.get(key) for key in fields), "redirect must specify uri, authority, scheme or port")
    if redirect.get("uri") and redirect.get("prefixRewrite"):
        found.error("redirect may only specify one of uri or prefixRewrite", "prefixRewrite")
    if redirect.get("prefixRewrite"):
        for match in items(rule.get("match")):
            uri = mapping(mapping(match).get("uri"))
            if uri and "prefix" not in uri:
                found.error("prefixRewrite needs uri matches by prefix only", "prefixRewrite")
    if text(redirect.get("scheme")) not in ("", "http", "https"):
        found.error("redirect scheme must be http or https", "scheme")
    code = integer(redirect.get("redirectCode"))
    if code and not 300 <= code <= 399:
        found.error(f"redirect code {code} must be 3xx", "redirectCode")


def _check_direct_response(found: Findings, response: Mapping[str, Any]) -> None:
    if not 200 <= integer(response.get("status")) <= 599:
        found.error("status must be in the range 200..599", "status")
    body = mapping(response.get("body"))
    size = len(text(body.get("string")).encode())
    if "bytes" in body:
        try:
            size = len(base64.b64decode(text(body["bytes"]), validate=True))
        except binascii.Error:
            found.error("body.bytes must be base64", "body.bytes")
    if size > BODY_BYTES_MAX:
        found.error("body must not be larger than 1 MiB", "body")
    elif size > BODY_BYTES_WARN:
        found.warn("a body larger than 100 KiB costs memory in every proxy", "body")


def _check_retries(found: Findings, retries: Mapping[str, Any]) -> None:
    attempts = integer(retries.get("attempts"))
    found.require(attempts >= 0, "attempts cannot be negative", "attempts")
    if attempts == 0 and any(
        retries.get(key) is not None for key in ("perTryTimeout", "retryOn", "retryRemoteLocalities")
    ):
        found.error("http retry policy configured when attempts are set to 0 (disabled)", "attempts")
    check_duration(found, retries, "perTryTimeout")
    check_duration(found, retries, "backoff")
    if not text(retries.get("retryOn")):
        return
    for word in (part.strip() for part in text(retries["retryOn"]).split(",")):
        status = word.isdigit() and 100 <= int(word) <= 599
        if not status and word not in RETRY_POLICIES:
            found.error(f"{word!r} is no retry policy and no HTTP status", "retryOn")


def _check_fault(found: Findings, fault: Mapping[str, Any]) -> None:
    if fault.get("delay") is not None:
        delay, at = mapping(fault["delay"]), found.at("delay")
        check_percent(at, delay.get("percentage"), "percentage")
        check_percent(at, delay.get("percent"), "percent")
        check_duration(at, delay, "fixedDelay")
        found.require(delay.get("fixedDelay") or delay.get("exponentialDelay"), "delay needs fixedDelay", "delay")
    if fault.get("abort") is not None:
        abort, at = mapping(fault["abort"]), found.at("abort")
        check_percent(at, abort.get("percentage"), "percentage")
        if abort.get("http2Error") is not None:
            at.error("http2Error is not supported", "http2Error")
        if abort.get("httpStatus") is not None and not 200 <= integer(abort["httpStatus"]) <= 599:
            at.error("httpStatus must be in the range 200..599", "httpStatus")
        if abort.get("grpcStatus") is not None and text(abort["grpcStatus"]) not in GRPC_STATUSES:
            at.error(f"grpcStatus {abort['grpcStatus']!r} is not supported", "grpcStatus")
        if not any(abort.get(key) is not None for key in ("httpStatus", "grpcStatus", "http2Error")):
            at.warn("abort has no error type and does nothing")


def _check_mirrors(found: Findings, rule: Mapping[str, Any]) -> None:
    check_percent(found, rule.get("mirrorPercentage"), "mirrorPercentage")
    check_percent(found, rule.get("mirrorPercent"), "mirrorPercent")
    if rule.get("mirror") is not None:
        check_destination(found.at("mirror"), rule["mirror"])
        if items(rule.get("mirrors")):
            found.error("HTTP route cannot contain both mirror and mirrors", "mirrors")
    for at, mirror in found.each("mirrors", rule.get("mirrors")):
        check_destination(at.at("destination"), mapping(mirror).get("destination"))
        check_percent(at, mapping(mirror).get("percentage"), "percentage")


def _check_cors(found: Findings, cors: Mapping[str, Any]) -> None:
    for at, origin in found.each("allowOrigins", cors.get("allowOrigins")):
        match = StringMatch.read(origin)
        at.require(match.value, f"'{match.kind or 'exact'}' value must be specified for allowOrigins")
        if match.kind == "regex" and match.value:
            check_regex(at, match.value, "regex")
    for at, method in found.each("allowMethods", cors.get("allowMethods")):
        at.require(text(method) in CORS_METHODS, f"{method!r} is not a supported HTTP method")
    for key in ("allowHeaders", "exposeHeaders"):
        for at, name in found.each(key, cors.get(key)):
            at.require(_HEADER_NAME.fullmatch(text(name)), "header name is invalid")
    if cors.get("maxAge") is not None:
        seconds = duration_s(cors["maxAge"])
        if seconds is None or seconds != int(seconds) or seconds < 0:
            found.error("maxAge must be whole seconds", "maxAge")
