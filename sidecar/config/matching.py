"""envoy.type.matcher.v3 and the matchers of routes: strings, headers, query parameters."""

from __future__ import annotations

from sidecar.config.core import Empty
from sidecar.config.message import Int64, Message


class RegexMatcher(Message, frozen=True, kw_only=True):
    """RE2; the whole text must match."""

    regex: str
    google_re2: Empty | None = None
    """Older configurations name the engine; there is only this one."""

    def problem(self) -> tuple[str, str] | None:
        return ("regex", "must not be empty") if not self.regex else None


class StringMatcher(Message, frozen=True, kw_only=True):
    EXACTLY_ONE = (("exact", "prefix", "suffix", "safe_regex", "contains"),)

    exact: str | None = None
    prefix: str | None = None
    suffix: str | None = None
    safe_regex: RegexMatcher | None = None
    contains: str | None = None
    ignore_case: bool = False
    """Has no effect on safe_regex (Envoy)."""

    def problem(self) -> tuple[str, str] | None:
        for field in ("prefix", "suffix", "contains"):
            if getattr(self, field) == "":
                return field, "must not be empty"
        return None


class Int64Range(Message, frozen=True, kw_only=True):
    """Half open: start <= value < end."""

    start: Int64 = 0
    end: Int64 = 0


class HeaderMatcher(Message, frozen=True, kw_only=True):
    """The older matchers beside `string_match` are Envoy's deprecated spellings of it."""

    AT_MOST_ONE = (
        (
            "exact_match", "safe_regex_match", "range_match", "present_match", "prefix_match", "suffix_match",
            "contains_match", "string_match",
        ),
    )  # fmt: skip

    name: str
    exact_match: str | None = None
    safe_regex_match: RegexMatcher | None = None
    range_match: Int64Range | None = None
    present_match: bool | None = None
    prefix_match: str | None = None
    suffix_match: str | None = None
    contains_match: str | None = None
    string_match: StringMatcher | None = None
    invert_match: bool = False
    treat_missing_header_as_empty: bool = False

    def problem(self) -> tuple[str, str] | None:
        return ("name", "must not be empty") if not self.name else None

    @property
    def strings(self) -> StringMatcher | None:
        """The string condition whichever way it is spelt; None = presence or range."""
        if self.string_match is not None:
            return self.string_match
        older = {
            "exact": self.exact_match,
            "safe_regex": self.safe_regex_match,
            "prefix": self.prefix_match,
            "suffix": self.suffix_match,
            "contains": self.contains_match,
        }
        given = {kind: value for kind, value in older.items() if value is not None}
        return StringMatcher(**given) if given else None  # type: ignore[arg-type]  # one of five kinds


class QueryParameterMatcher(Message, frozen=True, kw_only=True):
    AT_MOST_ONE = (("string_match", "present_match"),)

    name: str
    string_match: StringMatcher | None = None
    present_match: bool | None = None

    def problem(self) -> tuple[str, str] | None:
        return ("name", "must not be empty") if not self.name else None
