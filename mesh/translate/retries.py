"""`retries` of a rule, or the mesh's default, -> Envoy's RetryPolicy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mesh.istio.mesh_config import DEFAULT_RETRY_ON, RetryDefault
from mesh.istio.values import duration_s, duration_text, integer, mapping, text
from mesh.translate.resources import Resource, typed

HOST_SELECTION_ATTEMPTS = "5"
"""How often Envoy looks for a host that was not tried yet (an int64, hence a string in JSON)."""

INBOUND_RETRY: Resource = {"retry_on": "reset-before-request", "num_retries": 2}
"""The server's own sidecar retries what the application cannot have seen."""


def retry_policy(spec: Mapping[str, Any] | None, default: RetryDefault, *, hashed: bool = False) -> Resource | None:
    """`spec` None = the rule says nothing. None = no retries. `hashed`: a consistent hash keeps the host."""
    wanted = spec if spec is not None else default.spec
    attempts = integer(wanted.get("attempts"), default.attempts if spec is None else 0)
    if attempts <= 0:
        return None
    retry_on, codes = split_retry_on(text(wanted.get("retryOn")) or DEFAULT_RETRY_ON)
    policy: Resource = {"retry_on": retry_on, "num_retries": attempts}
    ignore_previous = wanted.get("retryIgnorePreviousHosts")
    if ignore_previous is not False and not hashed:
        policy["retry_host_predicate"] = [typed("envoy.retry_host_predicates.previous_hosts", "previous_hosts")]
        policy["host_selection_retry_max_attempts"] = HOST_SELECTION_ATTEMPTS
    if codes:
        policy["retriable_status_codes"] = codes
    per_try = duration_s(wanted.get("perTryTimeout"))
    if per_try:
        policy["per_try_timeout"] = duration_text(per_try)
    backoff = duration_s(wanted.get("backoff"))
    if backoff:
        policy["retry_back_off"] = {
            "base_interval": duration_text(backoff),
            "max_interval": duration_text(10 * backoff),
        }
    return policy


def split_retry_on(value: str) -> tuple[str, list[int]]:
    """Istio allows HTTP status codes in the list; Envoy has a field of its own for them."""
    words = [word.strip() for word in value.split(",") if word.strip()]
    codes = [int(word) for word in words if word.isdigit()]
    names = [word for word in words if not word.isdigit()]
    if codes and "retriable-status-codes" not in names:
        names.append("retriable-status-codes")
    return ",".join(names), codes


def rule_retries(rule: Mapping[str, Any]) -> Mapping[str, Any] | None:
    return mapping(rule["retries"]) if rule.get("retries") is not None else None
