"""Heads of requests and responses, whatever protocol carried them.

Everything is bytes. A header is kept as it came (order, case) and is found by its lower-case name. The wire line is
kept beside each field, ready to be written again, because most fields of a proxied message pass through untouched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter
from typing import cast

Field = tuple[bytes, bytes, bytes, bytes]
"""(name as received, lower-case name, value, `lower: value\\r\\n`)."""

GENERATED = frozenset(
    (b"x-request-id", b"traceparent", b"tracestate", b"b3", b"x-b3-traceid", b"x-b3-spanid", b"x-b3-parentspanid",
     b"x-b3-sampled", b"x-b3-flags")
)  # fmt: skip
"""Fields that a proxy makes anew for each request."""


# A comprehension builds a function at each use (3.11); these are called for every message.
_lower_and_value = cast("Callable[[Field], tuple[bytes, bytes]]", itemgetter(1, 2))
_line = cast("Callable[[Field], bytes]", itemgetter(3))


def field(name: bytes, value: bytes) -> Field:
    lower = name.lower()
    return (name, lower, value, b"%s: %s\r\n" % (lower, value))


class Headers:
    """An ordered list of fields with a dictionary beside it that is made on first look-up.

    Names given to methods are lower-case already. Values are taken as they are: who adds a value from outside checks it
    for CR, LF and NUL first (the parsers do).
    """

    __slots__ = ("_index", "_joined", "_wire", "fields")

    def __init__(self, pairs: Iterable[tuple[bytes, bytes]] = ()) -> None:
        self.fields: list[Field] = [field(name, value) for name, value in pairs]
        self._index: dict[bytes, bytes] | None = None
        self._joined = 0
        """How many of the first fields have their lines in `_wire`."""
        self._wire = b""

    @classmethod
    def of(cls, fields: list[Field]) -> Headers:
        """Takes `fields` over without copying it: for parsers."""
        headers = cls.__new__(cls)
        headers.fields = fields
        headers._index = None
        headers._joined = 0
        headers._wire = b""
        return headers

    def twin(self) -> Headers:
        """A copy that also takes over what was worked out already: for messages that come again and again."""
        twin = Headers.__new__(Headers)
        fields, index = self.fields, self._index
        twin.fields = fields.copy()
        twin._index = self.index().copy() if index is None else index.copy()
        twin._joined = joined = len(fields)
        twin._wire = self._wire if joined == self._joined else self.wire()
        return twin

    def index(self) -> dict[bytes, bytes]:
        """lower-case name -> all its values joined by a comma. Read only; valid until the next change."""
        index = self._index
        if index is None:
            fields = self.fields
            index = dict(map(_lower_and_value, fields))
            if len(index) != len(fields):
                index = {}
                for _, lower, value, _ in fields:
                    index[lower] = index[lower] + b"," + value if lower in index else value
            self._index = index
        return index

    def get(self, lower: bytes) -> bytes | None:
        """All values of the name, joined by a comma (RFC 9110 5.3); None = absent."""
        index = self._index
        return (self.index() if index is None else index).get(lower)

    def get_all(self, lower: bytes) -> list[bytes]:
        if lower not in self:
            return []
        return [item[2] for item in self.fields if item[1] == lower]

    def append(self, lower: bytes, value: bytes) -> None:
        """Add a field at the end, beside those of the same name."""
        self.fields.append((lower, lower, value, b"%s: %s\r\n" % (lower, value)))
        index = self._index
        if index is not None:
            index[lower] = index[lower] + b"," + value if lower in index else value

    def add(self, item: Field) -> None:
        """Append a field made before by `field`: for those that go onto every message."""
        self.fields.append(item)
        index = self._index
        if index is not None:
            lower = item[1]
            index[lower] = index[lower] + b"," + item[2] if lower in index else item[2]

    def set(self, lower: bytes, value: bytes) -> None:
        """Replace every field of the name by one; it keeps the first one's place, or goes to the end."""
        if lower not in self:
            self.append(lower, value)
            return
        new: Field = (lower, lower, value, b"%s: %s\r\n" % (lower, value))
        kept: list[Field] = []
        placed = False
        for item in self.fields:
            if item[1] != lower:
                kept.append(item)
            elif not placed:
                placed = True
                kept.append(new)
        self.fields = kept
        self._joined = 0
        if self._index is not None:
            self._index[lower] = value

    def remove(self, lower: bytes) -> None:
        index = self._index
        if lower in (self.index() if index is None else index):
            self.fields = [item for item in self.fields if item[1] != lower]
            self._joined = 0
            if self._index is not None:
                del self._index[lower]

    def copy(self) -> Headers:
        return Headers.of(list(self.fields))

    def wire(self) -> bytes:
        """The fields as HTTP/1 lines, names in lower case as Envoy writes them; no final empty line."""
        joined = self._joined
        if not joined:
            return b"".join(map(_line, self.fields))
        return b"".join((self._wire, *map(_line, self.fields[joined:])))

    def __contains__(self, lower: bytes) -> bool:
        index = self._index
        return lower in (self.index() if index is None else index)

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        return iter([(item[0], item[2]) for item in self.fields])

    def __len__(self) -> int:
        return len(self.fields)

    def __repr__(self) -> str:
        return f"Headers({list(self)!r})"


class RequestHead:
    """Method, target and fields of a request. `headers` does not hold Host: it is `authority`."""

    __slots__ = ("authority", "headers", "host_name", "method", "path", "scheme", "version")

    def __init__(
        self,
        method: bytes,
        path: bytes,
        *,
        authority: bytes = b"",
        scheme: bytes = b"http",
        version: int = 11,
        headers: Headers | None = None,
    ) -> None:
        self.method = method
        self.path = path
        """With the query; `*` for OPTIONS *; the authority for CONNECT."""
        self.authority = authority
        self.scheme = scheme
        self.version = version
        """10, 11 or 20."""
        self.host_name = b"host"
        """How the client spells the name of Host, where that is to be kept."""
        self.headers = headers if headers is not None else Headers()

    def copy(self) -> RequestHead:
        copied = RequestHead(
            self.method,
            self.path,
            authority=self.authority,
            scheme=self.scheme,
            version=self.version,
            headers=self.headers.copy(),
        )
        copied.host_name = self.host_name
        return copied

    def twin(self) -> RequestHead:
        """`copy`, with what was worked out of the headers."""
        twin = RequestHead.__new__(RequestHead)
        twin.method = self.method
        twin.path = self.path
        twin.authority = self.authority
        twin.scheme = self.scheme
        twin.host_name = self.host_name
        twin.version = self.version
        twin.headers = self.headers.twin()
        return twin

    def __repr__(self) -> str:
        return f"<{self.method.decode('latin-1')} {self.authority.decode('latin-1')}{self.path.decode('latin-1')}>"


class ResponseHead:
    """Status and fields of a response. `reason` may be empty; it is only carried by HTTP/1."""

    __slots__ = ("headers", "reason", "status", "version")

    def __init__(self, status: int, reason: bytes = b"", *, headers: Headers | None = None, version: int = 11) -> None:
        self.status = status
        self.reason = reason
        self.version = version
        self.headers = headers if headers is not None else Headers()

    def copy(self) -> ResponseHead:
        return ResponseHead(self.status, self.reason, headers=self.headers.copy(), version=self.version)

    def twin(self) -> ResponseHead:
        """`copy`, with what was worked out of the headers."""
        twin = ResponseHead.__new__(ResponseHead)
        twin.status = self.status
        twin.reason = self.reason
        twin.version = self.version
        twin.headers = self.headers.twin()
        return twin

    def __repr__(self) -> str:
        return f"<{self.status} {self.reason.decode('latin-1')}>"
