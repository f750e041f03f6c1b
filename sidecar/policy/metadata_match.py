"""Matchers of metadata, compiled into functions of it (envoy.type.matcher.v3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sidecar.config.metadata_match import DoubleMatcher, MetadataMatcher, ValueMatcher
from sidecar.config.refusal import Refused
from sidecar.routing.conditions import string_predicate

Metadata = Mapping[str, Mapping[str, Any]]
"""What filters said, by their names."""
NO_METADATA: Metadata = {}
Fits = Callable[[Any], bool]


class _Absent:
    """Beside JSON's null, which is a value."""


ABSENT = _Absent()


def metadata_condition(config: MetadataMatcher) -> Callable[[Metadata], bool]:
    """Raises `Refused`."""
    keys = (config.filter, *(one.key for one in config.path))
    try:
        fits = value_condition(config.value)
    except Refused as refused:
        raise refused.at("value") from None
    inverted = config.invert

    def condition(metadata: Metadata) -> bool:
        found: Any = metadata
        for key in keys:
            if not isinstance(found, Mapping) or key not in found:
                return fits(ABSENT) != inverted
            found = found[key]
        return fits(found) != inverted

    return condition


def value_condition(config: ValueMatcher) -> Fits:
    """Raises `Refused`."""
    if config.or_match is not None:
        inner = tuple(value_condition(one) for one in config.or_match.value_matchers)
        return lambda value: any(one(value) for one in inner)
    if config.list_match is not None:
        element = value_condition(config.list_match.one_of)
        return lambda value: isinstance(value, list | tuple) and any(element(one) for one in value)
    if config.string_match is not None:
        try:
            text = string_predicate(config.string_match)
        except Refused as refused:
            raise refused.at("string_match") from None
        return lambda value: isinstance(value, str) and text(value.encode())
    if config.double_match is not None:
        return _number(config.double_match)
    if config.bool_match is not None:
        wanted = config.bool_match
        return lambda value: value is wanted
    if config.present_match is not None:
        present = config.present_match
        return lambda value: (value is not ABSENT) == present
    return lambda value: value is None


def _number(config: DoubleMatcher) -> Fits:
    if config.range is not None:
        start, end = config.range.start, config.range.end
        return lambda value: _is_number(value) and start <= value < end
    exact = config.exact
    return lambda value: _is_number(value) and value == exact


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
