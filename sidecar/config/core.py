"""envoy.config.core.v3: addresses, metadata, header values, percentages, where configuration comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from sidecar.config.message import Bytes, Double, Duration, Message, Port, Range, Struct, UInt32

DENOMINATORS = {"HUNDRED": 100, "TEN_THOUSAND": 10_000, "MILLION": 1_000_000}

Direction = Literal["UNSPECIFIED", "INBOUND", "OUTBOUND"]


class SocketAddress(Message, frozen=True, kw_only=True):
    """`network_namespace_filepath` = a sandbox's shim socket: the socket is opened inside that pod."""

    protocol: Literal["TCP", "UDP"] = "TCP"
    address: str
    port_value: Port
    network_namespace_filepath: str = ""


class Pipe(Message, frozen=True, kw_only=True):
    path: str
    mode: UInt32 = 0


class Address(Message, frozen=True, kw_only=True):
    EXACTLY_ONE = (("socket_address", "pipe"),)

    socket_address: SocketAddress | None = None
    pipe: Pipe | None = None

    @property
    def shown(self) -> str:
        """`ip:port` or the pipe's path, as `/clusters` and logs name it."""
        if self.socket_address is not None:
            host, port = self.socket_address.address, self.socket_address.port_value
            return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        assert self.pipe is not None
        return self.pipe.path


class BindConfig(Message, frozen=True, kw_only=True):
    """`freebind` and socket options are not honoured, hence not here."""

    source_address: SocketAddress | None = None


class Metadata(Message, frozen=True, kw_only=True):
    """Free data for people and for matching endpoints."""

    filter_metadata: dict[str, Struct] = {}

    def of(self, name: str) -> Mapping[str, Any]:
        return self.filter_metadata.get(name, {})


class Locality(Message, frozen=True, kw_only=True):
    region: str = ""
    zone: str = ""
    sub_zone: str = ""


class Node(Message, frozen=True, kw_only=True):
    id: str = ""
    cluster: str = ""
    metadata: Struct = {}
    locality: Locality | None = None
    user_agent_name: str = ""
    user_agent_version: str = ""


class HeaderValue(Message, frozen=True, kw_only=True):
    key: str
    value: str = ""
    raw_value: Bytes = b""


AppendAction = Literal["APPEND_IF_EXISTS_OR_ADD", "ADD_IF_ABSENT", "OVERWRITE_IF_EXISTS_OR_ADD", "OVERWRITE_IF_EXISTS"]


class HeaderValueOption(Message, frozen=True, kw_only=True):
    """`append` is the older spelling of `append_action` (true = append, false = overwrite)."""

    AT_MOST_ONE = (("append", "append_action"),)

    header: HeaderValue
    append: bool | None = None
    append_action: AppendAction = "APPEND_IF_EXISTS_OR_ADD"
    keep_empty_value: bool = False

    @property
    def action(self) -> str:
        if self.append is None:
            return self.append_action
        return "APPEND_IF_EXISTS_OR_ADD" if self.append else "OVERWRITE_IF_EXISTS_OR_ADD"


class DataSource(Message, frozen=True, kw_only=True):
    EXACTLY_ONE = (("filename", "inline_bytes", "inline_string", "environment_variable"),)

    filename: str | None = None
    inline_bytes: Bytes | None = None
    inline_string: str | None = None
    environment_variable: str | None = None

    @property
    def inline(self) -> bytes | None:
        """The data if the configuration itself holds it; None = it must be read from elsewhere."""
        if self.inline_string is not None:
            return self.inline_string.encode()
        return self.inline_bytes


class CidrRange(Message, frozen=True, kw_only=True):
    address_prefix: str
    prefix_len: Annotated[int, Range(0, 128)] = 0


class Percent(Message, frozen=True, kw_only=True):
    value: Double = 0.0

    def problem(self) -> tuple[str, str] | None:
        if not 0 <= self.value <= 100:
            return "value", "must be between 0 and 100"
        return None

    @property
    def fraction(self) -> float:
        return self.value / 100


class FractionalPercent(Message, frozen=True, kw_only=True):
    numerator: UInt32 = 0
    denominator: Literal["HUNDRED", "TEN_THOUSAND", "MILLION"] = "HUNDRED"

    @property
    def fraction(self) -> float:
        """0..1; more than all is all (Envoy)."""
        return min(1.0, self.numerator / DENOMINATORS[self.denominator])


class RuntimeFractionalPercent(Message, frozen=True, kw_only=True):
    """There is no runtime: the default holds whatever the key."""

    default_value: FractionalPercent
    runtime_key: str = ""

    @property
    def fraction(self) -> float:
        return self.default_value.fraction


class RuntimeUInt32(Message, frozen=True, kw_only=True):
    default_value: UInt32
    runtime_key: str = ""


class RuntimeDouble(Message, frozen=True, kw_only=True):
    default_value: Double
    runtime_key: str = ""


class Empty(Message, frozen=True, kw_only=True):
    """A message that says everything by being there."""


class ConfigSource(Message, frozen=True, kw_only=True):
    """Resources come over the proxy's one stream (`ads`), from nowhere else."""

    ads: Empty
    initial_fetch_timeout: Duration = 15.0
    resource_api_version: Literal["AUTO", "V3"] = "AUTO"
