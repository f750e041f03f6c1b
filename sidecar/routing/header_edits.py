"""Header additions and removals of one level (global, virtual host, route, weighted cluster), compiled.

Within a level Envoy removes before it adds. Pseudo headers and Host cannot be edited this way: paths and hosts have
rewrites of their own.
"""

from __future__ import annotations

from collections.abc import Iterable

from sidecar.config.core import HeaderValueOption
from sidecar.config.refusal import Refused
from sidecar.protocol.message import Headers, RequestHead, ResponseHead
from sidecar.routing.formatter import Operator, compile_value
from sidecar.telemetry.record import ExchangeRecord

APPEND, ADD_IF_ABSENT, OVERWRITE, OVERWRITE_IF_EXISTS = range(4)
ACTIONS = {
    "APPEND_IF_EXISTS_OR_ADD": APPEND,
    "ADD_IF_ABSENT": ADD_IF_ABSENT,
    "OVERWRITE_IF_EXISTS_OR_ADD": OVERWRITE,
    "OVERWRITE_IF_EXISTS": OVERWRITE_IF_EXISTS,
}
TOKEN = frozenset(b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")
"""RFC 9110 5.6.2, lower case."""

Addition = tuple[bytes, int, bytes | Operator, bool]
"""(name, action, value, keep even if empty)."""


class HeaderEdits:
    """One level's edits of requests or of responses."""

    __slots__ = ("additions", "reads", "removals")

    def __init__(self, additions: tuple[Addition, ...], removals: tuple[bytes, ...]) -> None:
        self.additions = additions
        self.removals = removals
        self.reads = any(not isinstance(value, bytes) for _, _, value, _ in additions)
        """Whether a value has an operator: the record must then be filled before."""

    def __bool__(self) -> bool:
        return bool(self.additions or self.removals)

    def apply(self, headers: Headers, head: RequestHead, response: ResponseHead | None, record: ExchangeRecord) -> None:
        """`headers` are those of `head` or of `response`; values are taken from both and from `record`."""
        for name in self.removals:
            headers.remove(name)
        for name, action, template, keep_empty in self.additions:
            value = template if isinstance(template, bytes) else template(head, response, record)
            if not value and not keep_empty:
                continue
            if action == OVERWRITE or (action == OVERWRITE_IF_EXISTS and name in headers):
                headers.set(name, value)
            elif action == APPEND or (action == ADD_IF_ABSENT and name not in headers):
                headers.append(name, value)


NO_EDITS = HeaderEdits((), ())


def compile_edits(additions: Iterable[HeaderValueOption], removals: Iterable[str], field: str) -> HeaderEdits:
    """`field` is `request_headers` or `response_headers`. Raises `Refused` with a path below the level."""
    added: list[Addition] = []
    for index, one in enumerate(additions):
        try:
            added.append(_addition(one))
        except Refused as refused:
            raise refused.at(f"{field}_to_add[{index}].header") from None
    removed = []
    for index, name in enumerate(removals):
        try:
            removed.append(_name(name))
        except Refused as refused:
            raise refused.at(f"{field}_to_remove[{index}]") from None
    return HeaderEdits(tuple(added), tuple(removed)) if added or removed else NO_EDITS


def _addition(option: HeaderValueOption) -> Addition:
    try:
        name = _name(option.header.key)
    except Refused as refused:
        raise refused.at("key") from None
    if option.header.raw_value and option.header.value:
        raise Refused("only one of value, raw_value may be set", "raw_value")
    try:
        value = compile_value(option.header.value or option.header.raw_value.decode("utf-8", "surrogateescape"))
    except Refused as refused:
        raise refused.at("value") from None
    return name, ACTIONS[option.action], value, option.keep_empty_value


def _name(name: str) -> bytes:
    lower = name.lower().encode()
    if lower.startswith(b":") or lower == b"host":
        raise Refused(":-prefixed or host headers may not be modified")
    if not lower or not TOKEN.issuperset(lower):
        raise Refused("no header name")
    return lower
