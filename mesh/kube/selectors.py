"""Label and field selectors: the text people write, compiled once to a test over objects.

Grammar of labels: `k=v`, `k==v`, `k!=v`, `k in (a,b)`, `k notin (a,b)`, `k`, `!k`, joined by commas (logical and).
Grammar of fields: `path=v`, `path==v`, `path!=v`, joined by commas; `\\` escapes a comma, an equals sign or itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from mesh.kube.objects import Object

Labels = Mapping[str, str]

SELECTOR_LENGTH_MAX = 16_384
_COMPILED_MAX = 1024

_KEY = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?/)?[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?"
_VALUE = r"[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?|"
_SET = re.compile(rf"({_KEY})\s+(in|notin)\s*\(([^()]*)\)")
_EQUALITY = re.compile(rf"({_KEY})\s*(==|=|!=)\s*({_VALUE})")
_EXISTS = re.compile(rf"(!?)\s*({_KEY})")
_VALUE_ONLY = re.compile(_VALUE)


class SelectorError(ValueError):
    """The selector cannot be parsed; the message says which part."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on one key: operator is `In`, `NotIn`, `Exists` or `DoesNotExist`, as in the API."""

    key: str
    operator: str
    values: frozenset[str] = frozenset()

    def matches(self, labels: Labels) -> bool:
        value = labels.get(self.key)
        if self.operator == "In":
            return value is not None and value in self.values
        if self.operator == "NotIn":
            return value is None or value not in self.values
        return (value is not None) == (self.operator == "Exists")


@dataclass(frozen=True, slots=True)
class LabelSelector:
    requirements: tuple[Requirement, ...] = ()

    def matches(self, labels: Labels | None) -> bool:
        found = labels or {}
        return all(requirement.matches(found) for requirement in self.requirements)

    def matches_object(self, obj: Object) -> bool:
        return self.matches((obj.get("metadata") or {}).get("labels"))

    @property
    def empty(self) -> bool:
        return not self.requirements


@dataclass(frozen=True, slots=True)
class FieldRequirement:
    path: str
    value: str
    equal: bool = True


@dataclass(frozen=True, slots=True)
class FieldSelector:
    requirements: tuple[FieldRequirement, ...] = ()

    def matches_object(self, obj: Object) -> bool:
        return all((field_value(obj, want.path) == want.value) == want.equal for want in self.requirements)

    @property
    def empty(self) -> bool:
        return not self.requirements

    def exact(self, path: str) -> str | None:
        """The value that `path` must have, None if the selector leaves it open."""
        for want in self.requirements:
            if want.path == path and want.equal:
                return want.value
        return None


EVERYTHING = LabelSelector()
EVERY_FIELD = FieldSelector()


@lru_cache(maxsize=_COMPILED_MAX)
def parse_labels(text: str) -> LabelSelector:
    """Compile a label selector; `SelectorError` names the part that does not parse."""
    if len(text) > SELECTOR_LENGTH_MAX:
        raise SelectorError("selector is too long")
    if not text.strip():
        return EVERYTHING
    return LabelSelector(tuple(_requirement(part.strip(), text) for part in _split(text)))


def _split(text: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for position, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            parts.append(text[start:position])
            start = position + 1
    return [*parts, text[start:]]


def _requirement(part: str, whole: str) -> Requirement:
    if found := _SET.fullmatch(part):
        key, operator, inside = found.groups()
        values = frozenset(value.strip() for value in inside.split(","))
        if all(_VALUE_ONLY.fullmatch(value) for value in values):
            return Requirement(key, "In" if operator == "in" else "NotIn", values)
    elif found := _EQUALITY.fullmatch(part):
        key, operator, value = found.groups()
        return Requirement(key, "NotIn" if operator == "!=" else "In", frozenset((value,)))
    elif found := _EXISTS.fullmatch(part):
        absent, key = found.groups()
        return Requirement(key, "DoesNotExist" if absent else "Exists")
    raise SelectorError(f'unable to parse requirement: found "{part}" in "{whole}"')


def from_api(selector: Mapping[str, Any] | None) -> LabelSelector:
    """Compile the LabelSelector of a spec (`matchLabels`, `matchExpressions`); None selects everything,
    which is the caller's to forbid where Kubernetes says that an absent selector selects nothing."""
    if not selector:
        return EVERYTHING
    requirements = [Requirement(k, "In", frozenset((v,))) for k, v in (selector.get("matchLabels") or {}).items()]
    for expression in selector.get("matchExpressions") or ():
        values = frozenset(expression.get("values") or ())
        requirements.append(Requirement(expression["key"], expression["operator"], values))
    return LabelSelector(tuple(requirements))


def from_map(labels: Labels | None) -> LabelSelector:
    """Compile a Service's or a ReplicationController's `selector`: equality on every key."""
    return LabelSelector(tuple(Requirement(k, "In", frozenset((v,))) for k, v in (labels or {}).items()))


def format_api(selector: Mapping[str, Any] | None) -> str:
    """The text of a spec's LabelSelector, as `status.selector` of a Scale and tables show it."""
    parts = [f"{key}={value}" for key, value in sorted((selector or {}).get("matchLabels", {}).items())]
    for expression in (selector or {}).get("matchExpressions") or ():
        key, operator = expression["key"], expression["operator"]
        values = ",".join(sorted(expression.get("values") or ()))
        words = {"In": f"{key} in ({values})", "NotIn": f"{key} notin ({values})", "Exists": key}
        parts.append(words.get(operator, f"!{key}"))
    return ",".join(parts)


@lru_cache(maxsize=_COMPILED_MAX)
def parse_fields(text: str) -> FieldSelector:
    """Compile a field selector; which fields a kind supports is for the server to check."""
    if len(text) > SELECTOR_LENGTH_MAX:
        raise SelectorError("selector is too long")
    if not text.strip():
        return EVERY_FIELD
    return FieldSelector(tuple(_field_requirement(part) for part in re.split(r"(?<!\\),", text) if part))


def _field_requirement(part: str) -> FieldRequirement:
    found = re.match(r"([^=!\\]+)(==|=|!=)(.*)\Z", part, re.DOTALL)
    if not found:
        raise SelectorError(f"invalid selector: '{part}'; can't understand '{part}'")
    path, operator, value = found.groups()
    return FieldRequirement(path.strip(), re.sub(r"\\([\\,=])", r"\1", value), operator != "!=")


def field_value(obj: Object, path: str) -> str:
    """The value at a dotted path as selectors compare it: text, "" when absent, `true`/`false` for booleans."""
    value: Any = obj
    for step in path.split("."):
        if not isinstance(value, dict):
            return ""
        value = value.get(step)
    if value is None:
        return ""
    return ("false", "true")[value] if isinstance(value, bool) else str(value)


Predicate = Callable[[Object], bool]


def predicate(labels: LabelSelector, fields: FieldSelector) -> Predicate | None:
    """One test for both; None when everything matches, so that callers skip decoding altogether."""
    if labels.empty and fields.empty:
        return None
    return lambda obj: labels.matches_object(obj) and fields.matches_object(obj)
