"""`loadBalancer` of a traffic policy: consistent hashing, locality, warm-up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mesh.istio.check_values import check_duration
from mesh.istio.findings import Findings
from mesh.istio.values import integer, items, mapping, text

Spec = Mapping[str, Any]
SIMPLE = frozenset({"", "UNSPECIFIED", "LEAST_REQUEST", "LEAST_CONN", "RANDOM", "ROUND_ROBIN", "PASSTHROUGH"})
HASH_KEYS = ("httpHeaderName", "httpCookie", "useSourceIp", "httpQueryParameterName")
MAGLEV_TABLE_SIZE_MAX = 5_000_011


def check_balancing(found: Findings, spec: Spec, *, outliers: bool) -> None:
    found.require(text(spec.get("simple")) in SIMPLE, f"unsupported value: {spec.get('simple')!r}", "simple")
    if spec.get("simple") and spec.get("consistentHash") is not None:
        found.error("only one of simple and consistentHash can be set", "consistentHash")
    if spec.get("consistentHash") is not None:
        _check_hash(found.at("consistentHash"), mapping(spec["consistentHash"]))
    if spec.get("localityLbSetting") is not None and spec.get("zoneAwareLbSetting") is not None:
        found.error("localityLbSetting and zoneAwareLbSetting exclude each other", "zoneAwareLbSetting")
    for key in ("localityLbSetting", "zoneAwareLbSetting"):
        if spec.get(key) is not None:
            _check_locality(found.at(key), mapping(spec[key]), outliers=outliers)
    if spec.get("warmup") is not None:
        _check_warmup(found.at("warmup"), mapping(spec["warmup"]), spec)
    check_duration(found, spec, "warmupDurationSecs")


def _check_hash(found: Findings, spec: Spec) -> None:
    keys = [key for key in HASH_KEYS if spec.get(key)]
    found.require(keys, "consistentHash needs a key: a header, cookie, query parameter or the source address")
    if len(keys) > 1:
        found.error(f"only one of {keys[0]} and {keys[1]} can be set", keys[1])
    if spec.get("httpCookie") is not None:
        cookie = mapping(spec["httpCookie"])
        found.require(cookie.get("name"), "name required for HttpCookie", "httpCookie.name")
        check_duration(found.at("httpCookie"), cookie, "ttl", zero=True)
    if spec.get("maglev") is not None:
        size = integer(mapping(spec["maglev"]).get("tableSize"))
        if size and (size >= MAGLEV_TABLE_SIZE_MAX or not _prime(size)):
            found.error(f"tableSize must be a prime number below {MAGLEV_TABLE_SIZE_MAX}", "maglev.tableSize")


def _check_locality(found: Findings, spec: Spec, *, outliers: bool) -> None:
    del outliers  # an absent outlierDetection makes failover inert: the analyser's business
    kinds = [key for key in ("distribute", "failover", "failoverPriority") if items(spec.get(key))]
    if len(kinds) > 1 and kinds != ["failover", "failoverPriority"]:
        found.error(f"can not simultaneously specify {kinds[0]} and {kinds[1]}", kinds[1])
    seen: set[str] = set()
    for at, entry in found.each("distribute", spec.get("distribute")):
        rule = mapping(entry)
        weights = [integer(weight) for weight in mapping(rule.get("to")).values()]
        at.require(sum(weights) == 100, f"total locality weight {sum(weights)} != 100", "to")
        at.require(all(weight > 0 for weight in weights), "locality weight must be positive", "to")
        at.require(text(rule.get("from")) not in seen, "duplicate source locality", "from")
        seen.add(text(rule.get("from")))
    for at, entry in found.each("failover", spec.get("failover")):
        rule = mapping(entry)
        at.require(rule.get("from") != rule.get("to"), "locality lb failover settings must specify different regions")
        for key in ("from", "to"):
            region = text(rule.get(key))
            at.require(region and "/" not in region and "*" not in region, "failover names regions only", key)


def _check_warmup(found: Findings, warmup: Spec, spec: Spec) -> None:
    found.require(warmup.get("duration"), "duration: Required value", "duration")
    check_duration(found, warmup, "duration")
    percent = warmup.get("minimumPercent")
    if percent is not None and not (isinstance(percent, int | float) and 0 <= percent <= 100):
        found.error("Invalid value: minimumPercent must be in the range 0..100", "minimumPercent")
    aggression = warmup.get("aggression")
    if aggression is not None and not (isinstance(aggression, int | float) and aggression >= 1):
        found.error("Invalid value: aggression must be at least 1", "aggression")
    simple = text(spec.get("simple"))
    if simple not in ("", "UNSPECIFIED", "LEAST_REQUEST", "LEAST_CONN", "ROUND_ROBIN") or spec.get("consistentHash"):
        found.warn("warmup works with ROUND_ROBIN and LEAST_REQUEST only")


def _prime(number: int) -> bool:
    return number > 1 and all(number % divisor for divisor in range(2, int(number**0.5) + 1))
