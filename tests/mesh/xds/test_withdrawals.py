"""Withdrawn pods are left out of EndpointSlices until they are gone or their time is over."""

from __future__ import annotations

from typing import Any

from mesh.xds.withdrawals import Withdrawals


def endpoint_slice(*uids: str) -> dict[str, Any]:
    endpoints = [{"addresses": [f"10.0.0.{at}"], "targetRef": {"uid": uid}} for at, uid in enumerate(uids)]
    return {"metadata": {"name": "s"}, "endpoints": endpoints}


def uids(slices: list[dict[str, Any]]) -> list[list[str]]:
    return [[one["targetRef"]["uid"] for one in entry["endpoints"]] for entry in slices]


def test_a_withdrawn_pod_is_left_out_and_nothing_else_is_copied() -> None:
    withdrawals = Withdrawals()
    slices = [endpoint_slice("a", "b"), endpoint_slice("c")]
    assert withdrawals.without(slices) == slices
    withdrawals.add("a", until=None)
    kept = withdrawals.without(slices)
    assert uids(kept) == [["b"], ["c"]]
    assert kept[1] is slices[1]
    assert uids(slices) == [["a", "b"], ["c"]]


def test_a_deleted_pod_stays_withdrawn_until_it_is_gone() -> None:
    withdrawals = Withdrawals()
    withdrawals.add("a", until=None)
    assert not withdrawals.expire(1e12)
    assert withdrawals.forget("a")
    assert not withdrawals.forget("a")
    assert uids(withdrawals.without([endpoint_slice("a")])) == [["a"]]


def test_a_restarting_pod_comes_back_in_time() -> None:
    withdrawals = Withdrawals()
    withdrawals.add("a", until=10.0)
    assert not withdrawals.expire(9.9)
    assert withdrawals.expire(10.0)
    assert len(withdrawals) == 0


def test_endpoints_without_a_pod_stay() -> None:
    withdrawals = Withdrawals()
    withdrawals.add("a", until=None)
    assert withdrawals.without([{"endpoints": [{"addresses": ["1.1.1.1"]}]}]) == [
        {"endpoints": [{"addresses": ["1.1.1.1"]}]}
    ]
    assert withdrawals.without([{"endpoints": None}]) == [{"endpoints": None}]
