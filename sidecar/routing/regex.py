"""RE2 expressions. Envoy's rule: the whole text must match; time is linear whatever the expression."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import re2

from sidecar.config.matching import RegexMatcher
from sidecar.config.refusal import Refused

REGEX_CHARACTERS_MAX = 4096
"""Istio allows 1024; more than this is a mistake."""

Predicate = Callable[[bytes], bool]


def full_match(matcher: RegexMatcher) -> Predicate:
    """Raises `Refused` for what is no RE2 expression."""
    expressions = full_match_set([checked(matcher)])
    return lambda text: expressions(text) is not None


def full_match_set(patterns: list[bytes]) -> Callable[[bytes], list[int] | None]:
    """All of several in one pass: indices of those that match, None for none. Even of one it is the fastest."""
    expressions = re2.Set.FullMatchSet(_options())  # type: ignore[no-untyped-call]
    for pattern in patterns:
        expressions.Add(pattern)
    expressions.Compile()
    match: Callable[[bytes], list[int] | None] = expressions.Match
    return match


def checked(matcher: RegexMatcher) -> bytes:
    compiled(matcher)
    return matcher.regex.encode()


def compiled(matcher: RegexMatcher) -> Any:
    """For searching and substituting. Raises `Refused`."""
    if len(matcher.regex) > REGEX_CHARACTERS_MAX:
        raise Refused(f"longer than {REGEX_CHARACTERS_MAX} characters", "regex")
    try:
        return re2.compile(matcher.regex.encode(), _options())  # type: ignore[no-untyped-call]
    except re2.error as error:
        reason = error.args[0] if error.args else b""
        shown = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise Refused(f"no RE2 expression: {shown}", "regex") from None


def _options() -> Any:
    options = re2.Options()
    options.log_errors = False
    return options
