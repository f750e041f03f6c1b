"""Names and labels: the rules of RFC 1123 and 1035 as Kubernetes words them, and generated names."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from typing import Any

from orchestrator.api.errors import Cause, invalid

NameRule = Callable[[str], str]
"""Returns what is wrong with a name, "" if nothing."""

GENERATED_PREFIX_MAX = 58
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_LABEL_1035 = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_QUALIFIED_NAME = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
ANNOTATIONS_BYTES_MAX = 256 * 1024

_SUBDOMAIN_TEXT = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_LABEL_TEXT = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "
    "with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_LABEL_1035_TEXT = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, "
    "and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is "
    "'[a-z]([-a-z0-9]*[a-z0-9])?')"
)
_QUALIFIED_TEXT = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_VALUE_TEXT = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)


def subdomain(name: str) -> str:
    if len(name) > 253:
        return "must be no more than 253 characters"
    return "" if _SUBDOMAIN.fullmatch(name) else _SUBDOMAIN_TEXT


def label(name: str) -> str:
    if len(name) > 63:
        return "must be no more than 63 characters"
    return "" if _LABEL.fullmatch(name) else _LABEL_TEXT


def label_1035(name: str) -> str:
    """Names of Services."""
    if len(name) > 63:
        return "must be no more than 63 characters"
    return "" if _LABEL_1035.fullmatch(name) else _LABEL_1035_TEXT


def path_segment(name: str) -> str:
    """Names that only have to fit a URL (RBAC)."""
    if name in (".", "..") or "/" in name or "%" in name:
        return "may not be '.' or '..' and may not contain '/' or '%'"
    return ""


def qualified_name(key: str) -> str:
    prefix, slash, name = key.rpartition("/")
    if slash and (not prefix or subdomain(prefix)):
        return f"prefix part {_SUBDOMAIN_TEXT}"
    if not name:
        return "name part must be non-empty"
    if len(name) > 63:
        return "name part must be no more than 63 characters"
    return "" if _QUALIFIED_NAME.fullmatch(name) else _QUALIFIED_TEXT


def label_value(value: str) -> str:
    if len(value) > 63:
        return "must be no more than 63 characters"
    return "" if _LABEL_VALUE.fullmatch(value) else _VALUE_TEXT


def check_labels(found: Mapping[str, Any] | None, path: str) -> list[Cause]:
    causes: list[Cause] = []
    for key, value in (found or {}).items():
        if wrong := qualified_name(key):
            causes.append(invalid(path, key, wrong))
        if wrong := label_value(str(value)):
            causes.append(invalid(path, value, wrong))
    return causes


def check_annotations(found: Mapping[str, Any] | None, path: str) -> list[Cause]:
    causes = [invalid(path, key, wrong) for key in found or {} if (wrong := qualified_name(key.lower()))]
    size = sum(len(key) + len(str(value)) for key, value in (found or {}).items())
    if size > ANNOTATIONS_BYTES_MAX:
        causes.append(Cause("FieldValueTooLong", path, f"Too long: may not be more than {ANNOTATIONS_BYTES_MAX} bytes"))
    return causes


def generated(prefix: str, rng: random.Random) -> str:
    """`prefix` cut to 58 characters and five more from an alphabet without vowels and look-alikes."""
    return prefix[:GENERATED_PREFIX_MAX] + "".join(rng.choice(_ALPHABET) for _ in range(5))
