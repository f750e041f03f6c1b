"""Rewrites of path and host, by Envoy's rules.

A prefix rewrite replaces what the route matched: the prefix, or the whole path of an exact or regex match. The query
stays. An expression is substituted wherever it matches in the path, never in the query.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

from sidecar.config.refusal import Refused
from sidecar.config.route_action import RedirectAction, RegexMatchAndSubstitute, RouteAction
from sidecar.config.route_match import RouteMatch
from sidecar.protocol.message import RequestHead
from sidecar.routing.regex import compiled

PathRewrite = Callable[[bytes], bytes]
"""Path with query -> path with query."""

ORIGINAL_PATH = b"x-envoy-original-path"
ORIGINAL_HOST = b"x-envoy-original-host"
FORWARDED_HOST = b"x-forwarded-host"
_REFERENCE = re.compile(rb"\\(.?)", re.DOTALL)


def path_rewrite(match: RouteMatch, action: RouteAction | RedirectAction) -> PathRewrite | None:
    """None = the path stays. Raises `Refused`."""
    if action.regex_rewrite is not None:
        replace = substitution(action.regex_rewrite, "regex_rewrite")
        return partial(_rewrite_bare, replace)
    if not action.prefix_rewrite:
        return None
    new = action.prefix_rewrite.encode()
    matched = match.prefix if match.prefix is not None else match.path_separated_prefix
    if matched is None:
        return partial(_rewrite_bare, lambda bare: new)
    length = len(matched.encode())
    return lambda path: new + path[length:]


def _rewrite_bare(replace: Callable[[bytes], bytes], path: bytes) -> bytes:
    bare, mark, query = path.partition(b"?")
    return replace(bare) + mark + query


def substitution(rewrite: RegexMatchAndSubstitute, field: str) -> Callable[[bytes], bytes]:
    r"""RE2's GlobalReplace: `\1`..`\9` are groups, `\0` the match, `\\` a backslash. Raises `Refused`."""
    try:
        expression = compiled(rewrite.pattern)
    except Refused as refused:
        raise refused.at(f"{field}.pattern") from None
    parts = _parts(rewrite.substitution.encode(), expression.groups, field)

    def one(match: Any) -> bytes:
        return b"".join([part if isinstance(part, bytes) else match.group(part) or b"" for part in parts])

    return lambda text: bytes(expression.sub(one, text))


def _parts(template: bytes, groups: int, field: str) -> list[bytes | int]:
    parts: list[bytes | int] = []
    position = 0
    for reference in _REFERENCE.finditer(template):
        parts.append(template[position : reference.start()])
        position = reference.end()
        name = reference.group(1)
        if name == b"\\":
            parts.append(b"\\")
        elif name.isdigit() and int(name) <= groups:
            parts.append(int(name))
        else:
            shown = reference.group().decode(errors="replace")
            raise Refused(f"{shown} refers to no group of the pattern", f"{field}.substitution")
    parts.append(template[position:])
    return parts


HostRewrite = Callable[[RequestHead], bytes | None]
"""The new authority, None = it stays."""


def host_rewrite(action: RouteAction) -> HostRewrite | None:
    """Raises `Refused`. auto_host_rewrite is not here: it needs the endpoint."""
    if action.host_rewrite_literal:
        literal = action.host_rewrite_literal.encode()
        return lambda head: literal
    if action.host_rewrite_header:
        name = action.host_rewrite_header.lower().encode()
        return lambda head: head.headers.get(name) or None
    if action.host_rewrite_path_regex is not None:
        replace = substitution(action.host_rewrite_path_regex, "host_rewrite_path_regex")
        return lambda head: replace(head.path.partition(b"?")[0]) or None
    return None


def set_host(head: RequestHead, host: bytes, *, append_forwarded: bool) -> None:
    """Keeps the first host that the caller asked for in x-envoy-original-host."""
    if head.authority == host:
        return
    if append_forwarded and head.authority:
        head.headers.append(FORWARDED_HOST, head.authority)
    if ORIGINAL_HOST not in head.headers and head.authority:
        head.headers.append(ORIGINAL_HOST, head.authority)
    head.authority = host


def set_path(head: RequestHead, path: bytes) -> None:
    head.headers.set(ORIGINAL_PATH, head.path)
    head.path = path
