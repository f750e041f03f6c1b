"""One canonical path, for matching, for policy and for the application alike (Envoy's `normalize_path`).

RFC 3986 6.2.2: escaped unreserved characters are unescaped, dot segments removed; and as browsers and Envoy do, `\\` is
a slash. What becomes of escaped slashes and of runs of slashes, Envoy has settings of their own for. The query is not
touched. Two spellings of one path that differ here would be two doors to one room, one of them unguarded.
"""

from __future__ import annotations

import re

_WORTH_A_LOOK = re.compile(rb"[\\%]|/\.")
_ESCAPED_UNRESERVED = re.compile(rb"%(2[dDeE]|3[0-9]|4[1-9a-fA-F]|5[0-9aAfF]|6[1-9a-fA-F]|7[0-9aAeE])")


def normalize(path: bytes) -> bytes:
    """The canonical form of an origin-form target: path and, if there is one, query."""
    plain, mark, query = path.partition(b"?")
    if _WORTH_A_LOOK.search(plain) is None:
        return path
    plain = _ESCAPED_UNRESERVED.sub(_unescape, plain.replace(b"\\", b"/"))
    return _without_dots(plain) + mark + query


_ESCAPED_SLASH = re.compile(rb"%(2[fF]|5[cC])")
_SLASHES = re.compile(rb"//+")


def unescape_slashes(path: bytes) -> bytes:
    """`%2F` and `%5C` ahead of the query become what they stand for (`path_with_escaped_slashes_action`)."""
    plain, mark, query = path.partition(b"?")
    return _ESCAPED_SLASH.sub(_unescape, plain) + mark + query


def merge_slashes(path: bytes) -> bytes:
    """Runs of slashes ahead of the query become one (`merge_slashes`)."""
    if b"//" not in path:
        return path
    plain, mark, query = path.partition(b"?")
    return _SLASHES.sub(b"/", plain) + mark + query


def _unescape(found: re.Match[bytes]) -> bytes:
    return bytes.fromhex(found[1].decode())


def _without_dots(path: bytes) -> bytes:
    """RFC 3986 5.2.4, for a path that begins with a slash; a path cannot climb above its root."""
    kept: list[bytes] = []
    segments = path.split(b"/")[1:]
    for segment in segments:
        if segment == b"..":
            del kept[-1:]
        elif segment != b".":
            kept.append(segment)
    if segments[-1] in (b".", b".."):
        kept.append(b"")
    return b"/" + b"/".join(kept)
