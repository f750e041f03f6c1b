"""HTTP messages in HTTP/2 (RFC 9113 8.2, 8.3; RFC 8441): fields into heads and back, strictly.

What a field may hold is as narrow as in HTTP/1, because it may be written there next: a CR, LF or NUL here would be
another request there (CVE-2023-27491).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from operator import itemgetter
from typing import cast

from sidecar.protocol.hpack_decoder import Block
from sidecar.protocol.hpack_encoder import encode_field, encode_once
from sidecar.protocol.hpack_table import Pair
from sidecar.protocol.http1_fields import Malformed
from sidecar.protocol.http1_head import CHUNKED, HeadOptions, RequestMessage, canonical
from sidecar.protocol.http1_response import ResponseMessage, response_framing
from sidecar.protocol.message import Field, Headers, RequestHead, ResponseHead, field
from sidecar.protocol.numbers import decimal, port
from sidecar.protocol.path import unescape_slashes

FIELDS_REMEMBERED_MAX = 2048
FIELD_REMEMBERED_BYTES_MAX = 256
LINES_REMEMBERED_MAX = 2048
CONNECTION_SPECIFIC = frozenset((b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"))
"""RFC 9113 8.2.2: never in HTTP/2."""
NEVER_AGAIN = frozenset((b"x-request-id", b"traceparent", b"x-b3-traceid", b"x-b3-spanid", b"x-b3-parentspanid"))
"""Fields whose values are new in every message: not worth remembering."""

_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+\Z")
_VALUE = re.compile(rb"(?:[\x21-\x7e\x80-\xff]++|[ \t]++(?=[\x21-\x7e\x80-\xff]))*+\Z")
_LEADING = (b" ", b"\t")
_PATH = re.compile(rb"(?:/[\x21\x22\x24-\x7e]*|\*)\Z")
_METHOD = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
_SCHEME = re.compile(rb"[A-Za-z][A-Za-z0-9+.\-]*\Z")
_HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%\-]+)(?::([0-9]*))?\Z")
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})|%00")
_STATUSES = {b"%d" % status: status for status in range(100, 600)}
_REQUEST_PSEUDO = frozenset((b":method", b":scheme", b":path", b":authority", b":protocol"))
_WITH_BODY = (b"POST", b"PUT", b"PATCH")
_MALFORMED = Malformed(400, "http2.violation.of.messaging.rule")
_TOO_LARGE = Malformed(431, "http2.too_many_headers")

_fields: dict[Pair, Field] = {}
_wire: dict[bytes, bytes] = {}
_line = cast("Callable[[Field], bytes]", itemgetter(3))


def _checked(pair: Pair) -> Field | None:
    """One field that is no pseudo-header; None = malformed."""
    name, value = pair
    if _NAME.match(name) is None or value[:1] in _LEADING or _VALUE.match(value) is None:
        return None
    if name in CONNECTION_SPECIFIC or (name == b"te" and value.lower() != b"trailers"):
        return None
    item = field(name, value)
    if len(name) + len(value) <= FIELD_REMEMBERED_BYTES_MAX and name not in NEVER_AGAIN:
        if len(_fields) >= FIELDS_REMEMBERED_MAX:
            _fields.clear()
        _fields[pair] = item
    return item


def split(pairs: list[Pair], allowed: frozenset[bytes]) -> tuple[dict[bytes, bytes], list[Field]] | None:
    """Pseudo-headers, each once and before all others (RFC 9113 8.3), and the fields. None = malformed."""
    pseudo: dict[bytes, bytes] = {}
    fields: list[Field] = []
    for pair in pairs:
        item = _fields.get(pair)
        if item is None:
            name = pair[0]
            if name[:1] == b":":
                if fields or name not in allowed or name in pseudo:
                    return None
                pseudo[name] = pair[1]
                continue
            item = _checked(pair)
            if item is None:
                return None
        fields.append(item)
    return pseudo, fields


def request(block: Block, options: HeadOptions, *, end: bool, connect: bool) -> RequestMessage | Malformed:
    """A request head. `end`: no body follows. `connect`: we offered the extended CONNECT (RFC 8441)."""
    if block.too_large or len(block.pairs) > options.fields_max:
        return _TOO_LARGE
    parts = split(block.pairs, _REQUEST_PSEUDO)
    if parts is None:
        return _MALFORMED
    pseudo, fields = parts
    method, protocol = pseudo.get(b":method"), pseudo.get(b":protocol", b"")
    if method is None or _METHOD.match(method) is None:
        return _MALFORMED
    headers = Headers.of(fields)
    authority = _authority(pseudo, headers)
    if authority is None:
        return _MALFORMED
    head = RequestHead(method, pseudo.get(b":path", b""), authority=authority, version=20, headers=headers)
    head.scheme = options.scheme
    plain_connect = method == b"CONNECT" and not protocol
    if plain_connect:
        if b":scheme" in pseudo or b":path" in pseudo or not authority:
            return _MALFORMED
        head.path = authority
    elif _SCHEME.match(pseudo.get(b":scheme", b"")) is None or (protocol and (method != b"CONNECT" or not connect)):
        return _MALFORMED
    else:
        refused = _path(head, options)
        if refused is not None:
            return refused
    if protocol:
        head.method = b"GET"  # as HTTP/1 would have asked for the upgrade; the exchange knows no other
    message = _with_body(head, end=end, tunnel=plain_connect or bool(protocol))
    if isinstance(message, RequestMessage):
        message.upgrade = protocol.lower()
        if options.escaped_slashes == "UNESCAPE_AND_REDIRECT":
            came = pseudo.get(b":path", b"")
            message.redirect = unescape_slashes(came) != came
        return _underscores(message, options)
    return message


def _authority(pseudo: dict[bytes, bytes], headers: Headers) -> bytes | None:
    """:authority, or Host where a client has only that; two that differ are malformed (RFC 9113 8.3.1)."""
    authority, host = pseudo.get(b":authority"), headers.get(b"host")
    if host is not None:
        headers.remove(b"host")
        if authority is not None and authority != host:
            return None
        authority = host
    if not authority:
        return None
    found = _HOST.match(authority)
    return None if found is None or (found[1] and port(found[1]) is None) else authority


def _path(head: RequestHead, options: HeadOptions) -> Malformed | None:
    path = head.path
    if _PATH.match(path) is None or (path == b"*" and head.method != b"OPTIONS"):
        return _MALFORMED
    if b"%" in path and options.strict_escapes and _BAD_ESCAPE.search(path) is not None:
        return Malformed(400, "path_normalization_failed")
    if options.rewrites and not canonical(head, options):
        return Malformed(400, "path_normalization_failed")
    return None


def _with_body(head: RequestHead, *, end: bool, tunnel: bool) -> RequestMessage | Malformed:
    headers = head.headers
    index = headers.index()
    framing = 0 if end or tunnel else CHUNKED
    length = index.get(b"content-length")
    if length is not None:
        value = decimal(length)
        if value is None or (end and value) or tunnel:
            return _MALFORMED
        framing = value
    elif end and head.method in _WITH_BODY:
        headers.append(b"content-length", b"0")
    message = RequestMessage(head, framing, True)
    if b"expect" in index:
        if index[b"expect"].lower() != b"100-continue":
            return Malformed(417, "http2.unknown_expectation")
        message.expect_continue = not end
        headers.remove(b"expect")
    if b"cookie" in index:
        crumbs = headers.get_all(b"cookie")
        if len(crumbs) > 1:  # RFC 9113 8.2.3
            headers.set(b"cookie", b"; ".join(crumbs))
    return message


def _underscores(message: RequestMessage, options: HeadOptions) -> RequestMessage | Malformed:
    if options.underscores != "ALLOW":
        headers = message.head.headers
        for name in [name for name in headers.index() if b"_" in name]:
            if options.underscores == "REJECT_REQUEST":
                return Malformed(400, "http2.unexpected_underscore")
            headers.remove(name)
    return message


def response(block: Block, *, method: bytes, end: bool, fields_max: int) -> ResponseMessage | Malformed:
    """A response head, informational or final. Malformed = the stream is reset, the request is a 502."""
    bad = Malformed(502, "protocol_error")
    if block.too_large or len(block.pairs) > fields_max:
        return bad
    parts = split(block.pairs, frozenset((b":status",)))
    status = None if parts is None else _STATUSES.get(parts[0].get(b":status", b""))
    if parts is None or status is None or status == 101:  # RFC 9113 8.6
        return bad
    head = ResponseHead(status, b"", headers=Headers.of(parts[1]), version=20)
    length_text = head.headers.get(b"content-length")
    length = None if length_text is None else decimal(length_text)
    if length_text is not None and length is None:
        return bad
    framing = 0 if end else response_framing(status, method, b"chunked" if length is None else None, length)
    return ResponseMessage(head, framing, True)


def trailers(block: Block, fields_max: int) -> Headers | None:
    """None = malformed: pseudo-headers, or too many."""
    if block.too_large or len(block.pairs) > fields_max:
        return None
    parts = split(block.pairs, frozenset())
    return None if parts is None else Headers.of(parts[1])


def block_of(headers: Headers, start: bytes = b"") -> bytes:
    """The fields as a header block, after `start`: encoded pseudo-headers."""
    fields = headers.fields
    known = list(map(_wire.get, map(_line, fields)))
    if None in known:
        for place, made in enumerate(known):
            if made is None:
                known[place] = _encoded(fields[place])
    return start + b"".join(known)  # type: ignore[arg-type]  # no None is left


def field_block(item: Field) -> bytes:
    """One field, encoded."""
    return _wire.get(item[3]) or _encoded(item)


def _encoded(item: Field) -> bytes:
    _, lower, value, line = item
    if lower in CONNECTION_SPECIFIC:
        return b""
    if lower in NEVER_AGAIN:
        return encode_once(lower, value)
    made = encode_field((lower, value))
    if len(line) <= FIELD_REMEMBERED_BYTES_MAX:
        if len(_wire) >= LINES_REMEMBERED_MAX:
            _wire.clear()
        _wire[line] = made
    return made


STATUS = {status: encode_field((b":status", b"%d" % status)) for status in range(100, 600)}


def response_block(head: ResponseHead) -> bytes:
    return block_of(head.headers, STATUS[head.status])


def request_block(head: RequestHead, *, protocol: bytes = b"") -> bytes:
    """`protocol`: an extended CONNECT for that upgrade (RFC 8441)."""
    if protocol:
        start = encode_field((b":method", b"CONNECT")) + encode_field((b":protocol", protocol))
    else:
        start = encode_field((b":method", head.method))
    start += encode_field((b":authority", head.authority))
    if head.method != b"CONNECT":
        start += encode_field((b":scheme", head.scheme)) + encode_once(b":path", head.path)
    return block_of(head.headers, start)
