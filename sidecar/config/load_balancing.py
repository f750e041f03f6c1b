"""How a cluster picks among its endpoints: the messages inside envoy.config.cluster.v3.Cluster that say so."""

from __future__ import annotations

from typing import Annotated, Literal

from sidecar.config.core import Empty, Percent, RuntimeDouble
from sidecar.config.message import Duration, Message, Range, Struct, UInt32

RING_SIZE_MAX = 8 * 1024 * 1024
TABLE_SIZE_MAX = 655_373
"""Envoy allows 5 000 011. A table of this size takes half a second to make, during which nothing else is done."""
UInt64 = Annotated[int, Range(0, 2**64 - 1)]


class ZoneAwareLbConfig(Message, frozen=True, kw_only=True):
    """Zone awareness needs a local cluster (`cluster_manager.local_cluster_name`), which cannot be configured here:
    as in Envoy without one, only `fail_traffic_on_panic` has an effect."""

    routing_enabled: Percent = Percent(value=100.0)
    min_cluster_size: UInt64 = 6
    fail_traffic_on_panic: bool = False


class ConsistentHashingLbConfig(Message, frozen=True, kw_only=True):
    ONLY_DEFAULT = ("hash_balance_factor",)

    use_hostname_for_hashing: bool = False
    hash_balance_factor: UInt32 = 0


class CommonLbConfig(Message, frozen=True, kw_only=True):
    AT_MOST_ONE = (("zone_aware_lb_config", "locality_weighted_lb_config"),)

    healthy_panic_threshold: Percent = Percent(value=50.0)
    """When fewer are healthy, health is ignored; 0 = never."""
    zone_aware_lb_config: ZoneAwareLbConfig | None = None
    locality_weighted_lb_config: Empty | None = None
    consistent_hashing_lb_config: ConsistentHashingLbConfig | None = None
    ignore_new_hosts_until_first_hc: bool = False
    close_connections_on_host_set_change: bool = False

    @property
    def by_hostname(self) -> bool:
        return self.consistent_hashing_lb_config is not None and (
            self.consistent_hashing_lb_config.use_hostname_for_hashing
        )


class SlowStartConfig(Message, frozen=True, kw_only=True):
    slow_start_window: Duration = 0.0
    aggression: RuntimeDouble = RuntimeDouble(default_value=1.0)
    min_weight_percent: Percent = Percent(value=10.0)

    def problem(self) -> tuple[str, str] | None:
        if self.aggression.default_value <= 0:
            return "aggression.default_value", "must be positive"
        return None


class RoundRobinLbConfig(Message, frozen=True, kw_only=True):
    slow_start_config: SlowStartConfig | None = None


class LeastRequestLbConfig(Message, frozen=True, kw_only=True):
    choice_count: Annotated[int, Range(2, 2**32 - 1)] = 2
    active_request_bias: RuntimeDouble = RuntimeDouble(default_value=1.0)
    slow_start_config: SlowStartConfig | None = None

    def problem(self) -> tuple[str, str] | None:
        if self.active_request_bias.default_value < 0:
            return "active_request_bias.default_value", "must not be negative"
        return None


class RingHashLbConfig(Message, frozen=True, kw_only=True):
    minimum_ring_size: Annotated[int, Range(0, RING_SIZE_MAX)] = 1024
    hash_function: Literal["XX_HASH", "MURMUR_HASH_2"] = "XX_HASH"
    maximum_ring_size: Annotated[int, Range(0, RING_SIZE_MAX)] = RING_SIZE_MAX

    def problem(self) -> tuple[str, str] | None:
        if self.minimum_ring_size > self.maximum_ring_size:
            return "minimum_ring_size", "must not be more than maximum_ring_size"
        return None


class MaglevLbConfig(Message, frozen=True, kw_only=True):
    table_size: Annotated[int, Range(2, TABLE_SIZE_MAX)] = 65537

    def problem(self) -> tuple[str, str] | None:
        if any(self.table_size % divisor == 0 for divisor in range(2, int(self.table_size**0.5) + 1)):
            return "table_size", "must be a prime"
        return None


class OriginalDstLbConfig(Message, frozen=True, kw_only=True):
    """The destination is the connection's own, or a header's. A port here replaces it (Istio's passthrough)."""

    use_http_header: bool = False
    http_header_name: str = ""
    upstream_port_override: Annotated[int, Range(0, 65535)] = 0

    @property
    def header(self) -> bytes:
        """Lower case; b"" = none is looked at."""
        return (self.http_header_name.lower() or "x-envoy-original-dst-host").encode() if self.use_http_header else b""


Fallback = Literal["NO_FALLBACK", "ANY_ENDPOINT", "DEFAULT_SUBSET"]


class LbSubsetSelector(Message, frozen=True, kw_only=True):
    ONLY_DEFAULT = ("single_host_per_subset",)

    keys: tuple[str, ...] = ()
    single_host_per_subset: bool = False
    fallback_policy: Literal["NOT_DEFINED", "NO_FALLBACK", "ANY_ENDPOINT", "DEFAULT_SUBSET", "KEYS_SUBSET"] = (
        "NOT_DEFINED"
    )
    fallback_keys_subset: tuple[str, ...] = ()

    def problem(self) -> tuple[str, str] | None:
        if self.fallback_policy == "KEYS_SUBSET":
            if not self.fallback_keys_subset:
                return "fallback_keys_subset", "must not be empty for KEYS_SUBSET"
            if not set(self.fallback_keys_subset) < set(self.keys):
                return "fallback_keys_subset", "must be a part of keys, and not all of them"
        elif self.fallback_keys_subset:
            return "fallback_keys_subset", "belongs to KEYS_SUBSET"
        return None


class LbSubsetConfig(Message, frozen=True, kw_only=True):
    ONLY_DEFAULT = ("metadata_fallback_policy",)

    fallback_policy: Fallback = "NO_FALLBACK"
    default_subset: Struct = {}
    subset_selectors: tuple[LbSubsetSelector, ...] = ()
    locality_weight_aware: bool = False
    scale_locality_weight: bool = False
    panic_mode_any: bool = False
    list_as_any: bool = False
    metadata_fallback_policy: Literal["METADATA_NO_FALLBACK", "FALLBACK_LIST"] = "METADATA_NO_FALLBACK"
