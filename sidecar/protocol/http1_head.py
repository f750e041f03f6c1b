"""HTTP/1.x heads, strictly: one wrong byte is an answer, never a guess.

What is accepted is the strictest reading of RFC 9110 and RFC 9112 that breaks no real client: no bare LF, no folding,
no blanks around names, one Host, one framing. Where Envoy's configuration leaves a choice, `HeadOptions` has it.

Most header lines of a connection repeat from request to request, so a validated line is remembered (bounded) and costs
one dictionary look-up the next time. Hop-by-hop fields are taken out here: what they mean is in the message.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from sidecar.protocol.http1_fields import (
    FIELDS_MAX,
    LINE_REMEMBERED_BYTES_MAX,
    LINES_REMEMBERED_MAX,
    TOKEN,
    Malformed,
    as_written,
    parse_fields,
    tokens,
)
from sidecar.protocol.message import Headers, RequestHead
from sidecar.protocol.numbers import decimal, port
from sidecar.protocol.path import merge_slashes, normalize, unescape_slashes

HEAD_BYTES_MAX = 60 * 1024
"""Envoy's max_request_headers_kb."""
CHUNKED = -1
UNTIL_CLOSE = -2

_REQUEST_LINE = re.compile(rb"(" + TOKEN + rb") ([\x21\x22\x24-\x7e]+) HTTP/([0-9])\.([0-9])\Z")
_HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%\-]+)(?::([0-9]*))?\Z")
_ABSOLUTE = re.compile(rb"([A-Za-z][A-Za-z0-9+.\-]*)://([^/?]*)(.*)\Z", re.DOTALL)
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})|%00")

_WITH_BODY = (b"POST", b"PUT", b"PATCH")
_SPECIAL_REQUEST = frozenset(
    (b"connection", b"content-length", b"transfer-encoding", b"upgrade", b"expect", b"te", b"keep-alive",
     b"proxy-connection", b"http2-settings", b"trailer")
)  # fmt: skip
HOP_BY_HOP = (b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade")
NEVER_NOMINATED = frozenset(
    (b"host", b"content-length", b"content-type", b"authorization", b"cookie", b"set-cookie", b"x-forwarded-for",
     b"x-forwarded-host", b"x-forwarded-proto", b"x-forwarded-client-cert", b"x-request-id", b"x-envoy-original-path",
     b"x-envoy-external-address", b"x-envoy-peer-metadata", b"x-envoy-peer-metadata-id")
)  # fmt: skip
"""A client must not make us drop these by naming them in Connection (Envoy: connection_header_rejected)."""


class HeadOptions(NamedTuple):
    accept_http_10: bool = False
    default_host: bytes = b""
    """Authority of HTTP/1.0 requests that have none."""
    strict_escapes: bool = False
    """Refuse `%zz` and `%00` in the path: on where paths are normalised."""
    normalize_path: bool = False
    merge_slashes: bool = False
    escaped_slashes: str = "KEEP_UNCHANGED"
    """`%2F` and `%5C` in the path: KEEP_UNCHANGED, REJECT_REQUEST, UNESCAPE_AND_REDIRECT or UNESCAPE_AND_FORWARD."""
    strip_port: bool = False
    """Take any port off the authority (strip_any_host_port)."""
    own_port: int | None = None
    """Take this port off the authority (strip_matching_host_port)."""
    strip_dot: bool = False
    """Take a dot off the end of the authority's host (strip_trailing_host_dot)."""
    keep_case: bool = False
    """Names of fields go on as they came (preserve_case)."""
    keep_expect: bool = False
    """`Expect: 100-continue` is for the upstream (proxy_100_continue)."""
    underscores: str = "ALLOW"
    """ALLOW, REJECT_REQUEST or DROP_HEADER for names with `_`."""
    scheme: bytes = b"http"
    head_bytes_max: int = HEAD_BYTES_MAX
    fields_max: int = FIELDS_MAX

    @property
    def rewrites(self) -> bool:
        """Whether authority or path may be spelled anew."""
        return (
            self.normalize_path
            or self.merge_slashes
            or self.escaped_slashes != "KEEP_UNCHANGED"
            or self.strip_port
            or self.own_port is not None
            or self.strip_dot
        )


class RequestMessage:
    """A request head and what its hop-by-hop fields meant."""

    __slots__ = ("expect_continue", "framing", "head", "keep_alive", "memo", "redirect", "upgrade")

    def __init__(self, head: RequestHead, framing: int, keep_alive: bool) -> None:
        self.head = head
        self.memo: dict[int, Any] | None = None
        """Not None: the same bytes will come again and get this same message, so its head is not to be changed. What is
        worked out from it may be kept here, by whatever else it depends on."""
        self.framing = framing
        """Bytes of the body, or `CHUNKED`."""
        self.keep_alive = keep_alive
        self.expect_continue = False
        self.redirect = False
        """The client is to come back with the path of `head` (UNESCAPE_AND_REDIRECT)."""
        self.upgrade = b""
        """Lower-case protocol of an Upgrade the client asked for; h2c is never among them."""


_hosts: set[bytes] = set()
RequestLine = tuple[bytes, bytes, bytes, bytes]
"""Method, target, major and minor version."""
_request_lines: dict[bytes, RequestLine] = {}


def parse_request(block: bytes, options: HeadOptions) -> RequestMessage | Malformed:
    """`block` is the head without its final empty line: request line, then fields."""
    lines = block.split(b"\r\n")
    start = _request_lines.get(lines[0]) or _request_line(lines[0])
    if isinstance(start, Malformed):
        return start
    method, target, major, minor = start
    if major != b"1":
        return Malformed(505, "http1.codec_error")
    version = 10 if minor == b"0" else 11
    if version == 10 and not options.accept_http_10:
        return Malformed(426, "low_version")
    del lines[0]
    fields = parse_fields(lines, options.fields_max - 1)
    if isinstance(fields, Malformed):
        return fields
    if options.keep_case:
        fields = as_written(fields)
    host: bytes | None = None
    host_name = next((item[0] for item in fields if item[1] == b"host"), b"host") if options.keep_case else b"host"
    if fields and fields[0][1] == b"host":
        host = fields[0][2]
        del fields[0]
    headers = Headers.of(fields)
    index = headers.index()
    if b"host" in index:
        if host is not None or len(headers.get_all(b"host")) > 1:
            return Malformed(400, "http1.codec_error")
        host = index[b"host"]
        headers.remove(b"host")
    if options.underscores != "ALLOW" and (refused := _underscores(headers, options)) is not None:
        return refused
    head = RequestHead(method, target, authority=host or b"", scheme=options.scheme, version=version, headers=headers)
    head.host_name = host_name
    refused = _target(head, host, options)
    if refused is not None:
        return refused
    return _message(head, options)


def _message(head: RequestHead, options: HeadOptions) -> RequestMessage | Malformed:
    came = head.path
    if options.rewrites and not canonical(head, options):
        return Malformed(400, "path_normalization_failed")
    if _SPECIAL_REQUEST.isdisjoint(head.headers.index()):
        if head.method in _WITH_BODY:
            head.headers.append(b"content-length", b"0")
        message = RequestMessage(head, 0, head.version == 11)
    else:
        special = _special(head, options)
        if isinstance(special, Malformed):
            return special
        message = special
    if options.escaped_slashes == "UNESCAPE_AND_REDIRECT":
        message.redirect = unescape_slashes(came) != came
    return message


def canonical(head: RequestHead, options: HeadOptions) -> bool:
    """The one spelling of authority and path, in Envoy's order. False = not to be had."""
    own = options.own_port is not None and head.authority.endswith(b":%d" % options.own_port)
    if options.strip_port or options.strip_dot or own:
        head.authority = stripped_host(head.authority, port=options.strip_port or own, dot=options.strip_dot)
    if head.path[0] != 0x2F:
        return True
    if b"%" in head.path and options.escaped_slashes != "KEEP_UNCHANGED":
        unescaped = unescape_slashes(head.path)
        if unescaped != head.path and options.escaped_slashes == "REJECT_REQUEST":
            return False
        head.path = unescaped
    if options.normalize_path:
        head.path = normalize(head.path)
    if options.merge_slashes:
        head.path = merge_slashes(head.path)
    return True


def stripped_host(authority: bytes, *, port: bool, dot: bool) -> bytes:
    """`example.com.:443` without its port, the dot before it, or both."""
    mark = authority.rfind(b":")
    host, rest = (authority[:mark], authority[mark:]) if mark > authority.rfind(b"]") else (authority, b"")
    if dot and host.endswith(b"."):
        host = host[:-1]
    return host if port else host + rest


def first_line_problem(data: bytes) -> Malformed | None:
    """Of a head that is not complete: a request line that is wrong is answered at once (HTTP/0.9 has nothing more)."""
    end = data.find(b"\r\n")
    if end < 0:
        return None
    start = _request_lines.get(data[:end]) or _request_line(data[:end])
    if isinstance(start, Malformed):
        return start
    return None if start[2] == b"1" else Malformed(505, "http1.codec_error")


def _request_line(line: bytes) -> RequestLine | Malformed:
    found = _REQUEST_LINE.match(line)
    if found is None:
        if len(line) >= HEAD_BYTES_MAX:
            return Malformed(414, "http1.uri_too_long")
        return Malformed(400, "http1.codec_error")
    method, target, major, minor = found.groups()
    parts = (method, target, major, minor)
    if len(line) <= LINE_REMEMBERED_BYTES_MAX:
        if len(_request_lines) >= LINES_REMEMBERED_MAX:
            _request_lines.clear()
        _request_lines[line] = parts
    return parts


def _underscores(headers: Headers, options: HeadOptions) -> Malformed | None:
    for name in [item[1] for item in headers.fields if b"_" in item[1]]:
        if options.underscores == "REJECT_REQUEST":
            return Malformed(400, "http1.unexpected_underscore")
        headers.remove(name)
    return None


def _target(head: RequestHead, host: bytes | None, options: HeadOptions) -> Malformed | None:
    """Put the four target forms (RFC 9112 3.2) into authority and path."""
    path = head.path
    if path[0] != 0x2F:
        refused = _other_form(head, options)
        if refused is not None:
            return refused
    elif host is None:
        if head.version == 11 or not options.default_host:
            return Malformed(400, "missing_host_header")
        head.authority = options.default_host
    if head.authority not in _hosts and not _host_is_valid(head.authority):
        return Malformed(400, "http1.codec_error")
    if host is not None and host != head.authority and host and not _host_is_valid(host):
        return Malformed(400, "http1.codec_error")
    if b"%" in path and options.strict_escapes and _BAD_ESCAPE.search(path) is not None:
        return Malformed(400, "path_normalization_failed")
    return None


def _other_form(head: RequestHead, options: HeadOptions) -> Malformed | None:
    """absolute-form: the URI wins over Host (RFC 9112 3.2.2); asterisk-form; authority-form of CONNECT."""
    if head.method == b"CONNECT":
        head.authority = head.path
        return None
    if head.path == b"*":
        if head.method != b"OPTIONS":
            return Malformed(400, "http1.codec_error")
        return None if head.authority else Malformed(400, "missing_host_header")
    found = _ABSOLUTE.match(head.path)
    if found is None or not found[2]:
        return Malformed(400, "http1.codec_error")
    scheme = found[1].lower()
    if scheme not in (b"http", b"https"):
        return Malformed(400, "http1.codec_error")
    if scheme == b"https" and options.scheme != b"https":
        return Malformed(403, "http1.scheme_mismatch")
    head.authority = found[2]
    rest = found[3]
    head.path = rest if rest[:1] == b"/" else b"/" + rest
    return None


def _host_is_valid(host: bytes) -> bool:
    found = _HOST.match(host)
    if found is None or (found[1] and port(found[1]) is None):
        return False
    if len(_hosts) >= LINES_REMEMBERED_MAX:
        _hosts.clear()
    _hosts.add(host)
    return True


def _special(head: RequestHead, options: HeadOptions) -> RequestMessage | Malformed:
    headers = head.headers
    index = headers.index()
    framing = request_framing(head)
    if isinstance(framing, Malformed):
        return framing
    message = RequestMessage(head, framing, head.version == 11)
    if b"expect" in index:
        if index[b"expect"].lower() != b"100-continue":
            return Malformed(417, "http1.unknown_expectation")
        message.expect_continue = framing != 0 and head.version == 11
        if not (options.keep_expect and message.expect_continue):
            headers.remove(b"expect")
    upgrade = headers.get(b"upgrade")
    trailers = b"trailers" in tokens(headers.get(b"te"))
    connection = tokens(headers.get(b"connection"))
    refused = _hop_by_hop(headers, connection)
    if refused is not None:
        return refused
    if b"close" in connection:
        message.keep_alive = False
    elif head.version == 10:
        message.keep_alive = b"keep-alive" in connection
    if b"upgrade" in connection and upgrade:
        # h2c by Upgrade would let a client speak past us (h2c smuggling): served as HTTP/1.1.
        wanted = [word for word in tokens(upgrade) if word != b"h2c"]
        message.upgrade = wanted[0] if wanted else b""
    headers.remove(b"http2-settings")
    headers.remove(b"te")
    if trailers:
        headers.append(b"te", b"trailers")
    if framing == 0 and head.method in _WITH_BODY and b"content-length" not in headers:
        headers.append(b"content-length", b"0")
    return message


def _hop_by_hop(headers: Headers, connection: list[bytes]) -> Malformed | None:
    for name in connection:
        if name in NEVER_NOMINATED:
            return Malformed(400, "connection_header_rejected")
        if name not in (b"close", b"te", b"trailers"):
            headers.remove(name)
    for name in HOP_BY_HOP:
        headers.remove(name)
    return None


def request_framing(head: RequestHead) -> int | Malformed:
    """RFC 9112 6: one Content-Length of digits, or exactly `chunked`, never both."""
    headers = head.headers
    coding = headers.get(b"transfer-encoding")
    length = headers.get(b"content-length")
    if coding is not None:
        if length is not None:
            return Malformed(400, "http1.content_length_and_chunked_not_allowed")
        if head.version == 10:
            return Malformed(400, "http1.invalid_transfer_encoding")
        if coding.lower() != b"chunked":
            return Malformed(501, "http1.invalid_transfer_encoding")
        return CHUNKED
    if length is None:
        return 0
    value = decimal(length)
    return Malformed(400, "http1.codec_error") if value is None else value


_HEAD_END = b"\r\n\r\n"
_BARE_LF = re.compile(rb"(?<!\r)\n|\x00|\r(?=[^\n])")


def find_head_end(data: bytes, limit: int) -> int | Malformed:
    """Where the empty line begins in `data`; -1 = more bytes are needed. Refuses early what cannot become a head."""
    end = data.find(_HEAD_END)
    if 0 <= end <= limit:
        return end
    if end > limit or len(data) > limit:
        line_end = data.find(b"\r\n")
        return Malformed(414 if line_end < 0 or line_end > limit else 431, "http1.headers_too_large")
    if _BARE_LF.search(data) is not None:
        return Malformed(400, "http1.codec_error")
    return -1
