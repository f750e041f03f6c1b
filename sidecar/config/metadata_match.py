"""envoy.type.matcher.v3.MetadataMatcher: a value deep in what filters have said of a request."""

from __future__ import annotations

from sidecar.config.core import Empty
from sidecar.config.matching import StringMatcher
from sidecar.config.message import Double, Message


class DoubleRange(Message, frozen=True, kw_only=True):
    """Half open: start <= value < end."""

    start: Double = 0.0
    end: Double = 0.0


class DoubleMatcher(Message, frozen=True, kw_only=True):
    EXACTLY_ONE = (("range", "exact"),)

    range: DoubleRange | None = None
    exact: Double | None = None


class ListMatcher(Message, frozen=True, kw_only=True):
    """At least one element."""

    one_of: ValueMatcher


class OrMatcher(Message, frozen=True, kw_only=True):
    value_matchers: tuple[ValueMatcher, ...]

    def problem(self) -> tuple[str, str] | None:
        return None if len(self.value_matchers) >= 2 else ("value_matchers", "must have two at least")


class ValueMatcher(Message, frozen=True, kw_only=True):
    EXACTLY_ONE = (
        ("null_match", "double_match", "string_match", "bool_match", "present_match", "list_match", "or_match"),
    )

    null_match: Empty | None = None
    double_match: DoubleMatcher | None = None
    string_match: StringMatcher | None = None
    bool_match: bool | None = None
    present_match: bool | None = None
    list_match: ListMatcher | None = None
    or_match: OrMatcher | None = None


class PathSegment(Message, frozen=True, kw_only=True):
    key: str

    def problem(self) -> tuple[str, str] | None:
        return None if self.key else ("key", "must not be empty")


class MetadataMatcher(Message, frozen=True, kw_only=True):
    """`filter` names who said it: `envoy.filters.http.jwt_authn` for the payloads of tokens."""

    filter: str
    path: tuple[PathSegment, ...]
    value: ValueMatcher
    invert: bool = False

    def problem(self) -> tuple[str, str] | None:
        if not self.filter:
            return "filter", "must not be empty"
        return None if self.path else ("path", "must not be empty")
