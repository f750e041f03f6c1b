"""The delta session: what is sent when. A simulated proxy answers as slowly and as badly as the test likes."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.xds.kinds import CLUSTER, ENDPOINT, LISTENER, NAME_TABLE, ROUTE, SECRET
from mesh.xds.session import TRANSITIONS, Event, Session, State
from mesh.xds.snapshot import Snapshot, encode_resource
from mesh.xds.wire import DeltaRequest, DeltaResponse, ErrorDetail


def snapshot(generation: int, **by_kind: dict[str, int]) -> Snapshot:
    """Each resource's content is the number given for it."""
    urls = {"cds": CLUSTER, "eds": ENDPOINT, "lds": LISTENER, "rds": ROUTE, "sds": SECRET, "nds": NAME_TABLE}
    resources = {
        urls[kind]: {name: encode_resource(name, {"name": name, "content": content}) for name, content in given.items()}
        for kind, given in by_kind.items()
    }
    return Snapshot(f"v{generation}", generation, resources)


class Proxy:
    """A proxy that asks for the endpoints of the clusters and the routes of the listeners that it has."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.has: dict[str, dict[str, str]] = {CLUSTER: {}, ENDPOINT: {}, LISTENER: {}, ROUTE: {}, NAME_TABLE: {}}
        self.asked: dict[str, set[str]] = {ENDPOINT: set(), ROUTE: set()}
        self.log: list[tuple[str, list[str], list[str]]] = []
        for url in (CLUSTER, LISTENER, NAME_TABLE):
            session.receive(DeltaRequest(url, subscribe=("*",)), 0.0)

    def take(self, response: DeltaResponse, now: float = 0.0) -> None:
        names = [resource.name for resource in response.resources]
        self.log.append((response.type_url, names, list(response.removed)))
        mine = self.has.setdefault(response.type_url, {})
        mine.update({resource.name: resource.version for resource in response.resources})
        for name in response.removed:
            mine.pop(name, None)
        self.session.receive(DeltaRequest(response.type_url, nonce=response.nonce), now)
        for parent, child in ((CLUSTER, ENDPOINT), (LISTENER, ROUTE)):
            if response.type_url == parent:
                wanted = set(self.has[parent])
                more, less = wanted - self.asked[child], self.asked[child] - wanted
                self.asked[child] = wanted
                for name in less:
                    self.has[child].pop(name, None)
                if more or less:
                    request = DeltaRequest(child, subscribe=tuple(more), unsubscribe=tuple(less))
                    self.session.receive(request, now)

    def settle(self, now: float = 0.0) -> None:
        while responses := self.session.responses(now):
            for response in responses:
                self.take(response, now)


def names_of(responses: list[DeltaResponse]) -> list[tuple[str, list[str]]]:
    return [(one.type_url, [resource.name for resource in one.resources]) for one in responses]


def test_first_push_goes_in_order() -> None:
    session = Session()
    proxy = Proxy(session)
    session.target(snapshot(1, cds={"a": 1}, eds={"a": 1}, lds={"l": 1}, rds={"l": 1}, nds={"NameTable": 1}))
    proxy.settle()
    assert [url for url, _, _ in proxy.log] == [CLUSTER, ENDPOINT, LISTENER, ROUTE, NAME_TABLE]
    assert {kind: entry["status"] for kind, entry in session.status().items()} == dict.fromkeys(
        ("cds", "lds", "eds", "rds"), "SYNCED"
    )
    assert session.status()["cds"]["version"] == "v1"


def test_listeners_wait_for_the_clusters_ack() -> None:
    session = Session()
    Proxy(session)
    session.target(snapshot(1, cds={"a": 1}, lds={"l": 1}))
    first = session.responses(0.0)
    assert names_of(first) == [(CLUSTER, ["a"])]
    assert session.responses(0.0) == []
    session.receive(DeltaRequest(CLUSTER, nonce=first[0].nonce), 0.0)
    assert names_of(session.responses(0.0)) == [(LISTENER, ["l"])]


def test_listeners_wait_for_endpoints_to_be_asked_for_but_not_for_ever() -> None:
    session = Session(endpoints_wait_s=1.0)
    Proxy(session)
    session.target(snapshot(1, cds={"a": 1}, eds={"a": 1}, lds={"l": 1}))
    (clusters,) = session.responses(0.0)
    session.receive(DeltaRequest(CLUSTER, nonce=clusters.nonce), 5.0)
    assert session.responses(5.5) == []
    assert session.wake_at() == 6.0
    assert names_of(session.responses(6.0)) == [(LISTENER, ["l"])]


def test_removals_come_last_and_clusters_after_routes() -> None:
    session = Session()
    proxy = Proxy(session)
    session.target(snapshot(1, cds={"old": 1}, eds={"old": 1}, lds={"l": 1, "gone": 1}, rds={"l": 1, "gone": 1}))
    proxy.settle()
    proxy.log.clear()
    session.target(snapshot(2, cds={"new": 1}, eds={"new": 1}, lds={"l": 1}, rds={"l": 2}))
    proxy.settle()
    assert proxy.log == [
        (CLUSTER, ["new"], []),
        (ENDPOINT, ["new"], []),
        (ROUTE, ["l"], []),
        (LISTENER, [], ["gone"]),
        (CLUSTER, [], ["old"]),
    ]


def test_unchanged_resources_are_not_sent_and_the_version_still_advances() -> None:
    session = Session()
    proxy = Proxy(session)
    session.target(snapshot(1, cds={"a": 1, "b": 1}))
    proxy.settle()
    proxy.log.clear()
    session.target(snapshot(2, cds={"a": 1, "b": 2}))
    proxy.settle()
    assert proxy.log == [(CLUSTER, ["b"], [])]
    session.target(snapshot(3, cds={"a": 1, "b": 2}))
    assert session.responses(0.0) == []
    assert session.status()["cds"] == {"status": "SYNCED", "version": "v3", "error": None}


def test_a_wildcard_is_answered_even_when_there_is_nothing() -> None:
    """A gateway without a Gateway has no listeners; it must not wait for them."""
    session = Session()
    proxy = Proxy(session)
    session.target(snapshot(1))
    proxy.settle()
    assert proxy.log == [(url, [], []) for url in (CLUSTER, LISTENER, NAME_TABLE)]
    session.target(snapshot(2))
    assert session.responses(0.0) == []


def test_a_reconnecting_proxy_gets_only_the_difference() -> None:
    session = Session()
    new = snapshot(7, cds={"a": 1, "b": 2})
    had = {"a": new.of(CLUSTER)["a"].version, "gone": "whatever"}
    session.receive(DeltaRequest(CLUSTER, subscribe=("*",), initial_versions=had), 0.0)
    session.target(new)
    (updates,) = session.responses(0.0)
    assert ([one.name for one in updates.resources], updates.removed) == (["b"], ())
    session.receive(DeltaRequest(CLUSTER, nonce=updates.nonce), 0.0)
    (removals,) = session.responses(0.0)
    assert (removals.resources, removals.removed) == ((), ("gone",))


def test_an_older_snapshot_in_flight_is_skipped_over() -> None:
    """However many snapshots pass while a proxy is busy, it gets the difference to the newest in one response."""
    session = Session()
    Proxy(session)
    session.target(snapshot(1, cds={"a": 1}))
    (first,) = session.responses(0.0)
    for generation in range(2, 50):
        session.target(snapshot(generation, cds={"a": generation}))
        assert session.responses(0.0) == []
    assert session.status()["cds"]["status"] == "STALE"
    session.receive(DeltaRequest(CLUSTER, nonce=first.nonce), 0.0)
    (second,) = session.responses(0.0)
    assert second.version == "v49"


def nack(session: Session, response: DeltaResponse, message: str) -> None:
    session.receive(DeltaRequest(response.type_url, nonce=response.nonce, error=ErrorDetail(3, message)), 0.0)


def test_a_nack_shows_and_does_not_stop_the_other_kinds() -> None:
    session = Session()
    Proxy(session)
    session.target(snapshot(1, cds={"a": 1, "b": 1}, lds={"l": 1}))
    (clusters,) = session.responses(0.0)
    nack(session, clusters, "clusters[a].lb_policy: MAGLEV is not supported")
    assert session.status()["cds"] == {
        "status": "ERROR",
        "version": "",
        "error": {"path": "clusters[a].lb_policy", "message": "MAGLEV is not supported"},
    }
    assert names_of(session.responses(0.0)) == [(LISTENER, ["l"])]
    assert session.subscriptions[CLUSTER].state is State.REFUSED


def test_an_error_stays_until_the_refused_resource_is_accepted() -> None:
    session = Session()
    proxy = Proxy(session)
    session.target(snapshot(1, cds={"a": 1, "b": 1}))
    (clusters,) = session.responses(0.0)
    nack(session, clusters, "a: bad")
    session.target(snapshot(2, cds={"a": 1, "b": 2}))
    proxy.settle()
    assert session.status()["cds"]["status"] == "ERROR"
    session.target(snapshot(3, cds={"a": 2, "b": 2}))
    proxy.settle()
    assert session.status()["cds"] == {"status": "SYNCED", "version": "v3", "error": None}


def test_a_second_silent_refusal_comes_to_light() -> None:
    """A NACK gives one reason. When that is mended, the rest of the response is sent again."""
    session = Session()
    Proxy(session)
    session.target(snapshot(1, cds={"outbound|80||a": 1, "outbound|80||b": 1, "80": 1}))
    (clusters,) = session.responses(0.0)
    nack(session, clusters, "lb_policy: not supported in outbound|80||a (and 1 more)")
    assert session.subscriptions[CLUSTER].refused == {"outbound|80||a"}
    session.target(snapshot(2, cds={"outbound|80||a": 2, "outbound|80||b": 1, "80": 1}))
    (mended,) = session.responses(0.0)
    assert [one.name for one in mended.resources] == ["outbound|80||a"]
    session.receive(DeltaRequest(CLUSTER, nonce=mended.nonce), 0.0)
    (again,) = session.responses(0.0)
    assert {one.name for one in again.resources} == {"outbound|80||b", "80"}
    nack(session, again, "lb_policy: not supported in outbound|80||b")
    assert session.status()["cds"]["status"] == "ERROR"


def test_an_error_goes_with_the_refused_resource() -> None:
    session = Session()
    proxy = Proxy(session)
    session.target(snapshot(1, cds={"a": 1}))
    (clusters,) = session.responses(0.0)
    nack(session, clusters, "a: bad")
    session.target(snapshot(2, cds={}))
    proxy.settle()
    assert session.status()["cds"]["status"] == "SYNCED"


@pytest.mark.parametrize("nonce", ["", "0", "99", "x"])
def test_a_stale_nonce_answers_nothing(nonce: str) -> None:
    session = Session()
    Proxy(session)
    session.target(snapshot(1, cds={"a": 1}))
    session.responses(0.0)
    session.receive(DeltaRequest(CLUSTER, nonce=nonce, error=ErrorDetail(3, "no")), 0.0)
    assert session.subscriptions[CLUSTER].state is State.IN_FLIGHT
    assert session.status()["cds"]["error"] is None


def test_a_name_that_does_not_exist_is_reported_once() -> None:
    session = Session()
    session.receive(DeltaRequest(ROUTE, subscribe=("r", "nope")), 0.0)
    session.target(snapshot(1, rds={"r": 1}))
    (response,) = session.responses(0.0)
    assert ([one.name for one in response.resources], response.removed) == (["r"], ("nope",))
    session.receive(DeltaRequest(ROUTE, nonce=response.nonce), 0.0)
    assert session.responses(0.0) == []
    session.target(snapshot(2, rds={"r": 1, "nope": 1}))
    assert names_of(session.responses(0.0)) == [(ROUTE, ["nope"])]


def test_asking_again_brings_a_resource_again() -> None:
    session = Session()
    session.receive(DeltaRequest(ROUTE, subscribe=("r",)), 0.0)
    session.target(snapshot(1, rds={"r": 1}))
    (response,) = session.responses(0.0)
    session.receive(DeltaRequest(ROUTE, nonce=response.nonce), 0.0)
    session.receive(DeltaRequest(ROUTE, subscribe=("r",)), 0.0)
    assert names_of(session.responses(0.0)) == [(ROUTE, ["r"])]


def test_unsubscribed_names_are_sent_no_more() -> None:
    session = Session()
    session.receive(DeltaRequest(ROUTE, subscribe=("r", "s")), 0.0)
    session.target(snapshot(1, rds={"r": 1, "s": 1}))
    (response,) = session.responses(0.0)
    session.receive(DeltaRequest(ROUTE, nonce=response.nonce, unsubscribe=("r",)), 0.0)
    session.target(snapshot(2, rds={"r": 2, "s": 2}))
    assert names_of(session.responses(0.0)) == [(ROUTE, ["s"])]


def test_a_first_request_without_names_is_a_wildcard_for_clusters_only() -> None:
    session = Session()
    session.receive(DeltaRequest(CLUSTER), 0.0)
    session.receive(DeltaRequest(ENDPOINT), 0.0)
    session.target(snapshot(1, cds={"a": 1}, eds={"a": 1}))
    assert names_of(session.responses(0.0)) == [(CLUSTER, ["a"])]


def test_secrets_wait_for_nothing() -> None:
    session = Session()
    Proxy(session)
    session.target(snapshot(1, cds={"a": 1}, sds={"kubernetes://cert": 1}))
    session.receive(DeltaRequest(SECRET, subscribe=("kubernetes://cert",)), 0.0)
    assert [one.type_url for one in session.responses(0.0)] == [SECRET, CLUSTER]


def test_endpoints_are_level_when_acknowledged() -> None:
    session = Session()
    proxy = Proxy(session)
    session.target(snapshot(1, cds={"a": 1}, eds={"a": 1}))
    proxy.settle()
    session.target(snapshot(2, cds={"a": 1}, eds={"a": 2}))
    (response,) = session.responses(0.0)
    assert not session.endpoints_level(2)
    proxy.take(response)
    session.responses(0.0)
    assert session.endpoints_level(2)


@pytest.mark.parametrize(
    ("request_", "message"),
    [(DeltaRequest("type.googleapis.com/x"), "is not served"), (DeltaRequest(""), "is not served")],
)
def test_unknown_types_are_refused(request_: DeltaRequest, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Session().receive(request_, 0.0)


def test_nothing_subscribed_is_not_sent() -> None:
    session = Session()
    session.target(snapshot(1, cds={"a": 1}))
    assert session.responses(0.0) == []
    assert session.status()["cds"] == {"status": "NOT_SENT", "version": "", "error": None}


def test_the_table_knows_every_state() -> None:
    assert set(TRANSITIONS) == set(State)
    assert {event for events in TRANSITIONS.values() for event in events} == set(Event)


resource_sets = st.dictionaries(st.sampled_from("abcde"), st.integers(0, 2), max_size=5)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(resource_sets, resource_sets), min_size=1, max_size=6), st.integers(0, 2**16))
def test_any_course_ends_level_and_breaks_nothing(
    steps: list[tuple[dict[str, int], dict[str, int]]], seed: int
) -> None:
    """Snapshots come while answers are outstanding. At every moment each route that the proxy has been sent leads to a
    cluster that it has, with endpoints (here: a route and its listener lead to the cluster of the same name), unless no
    snapshot since has both; at the end it has exactly the last snapshot."""
    rng = random.Random(seed)
    session = Session()
    proxy = Proxy(session)
    outstanding: list[DeltaResponse] = []
    for generation, (clusters, contents) in enumerate(steps, 1):
        routes = {name: content for name, content in contents.items() if name in clusters}
        session.target(snapshot(generation, cds=clusters, eds=clusters, lds=routes, rds=routes))
        for _ in range(rng.randrange(4)):
            outstanding += session.responses(0.0)
            for response in outstanding:
                if response.type_url == ROUTE:
                    for route in response.resources:
                        assert route.name in proxy.has[CLUSTER]
                        assert route.name in proxy.has[ENDPOINT]
            if outstanding:
                proxy.take(outstanding.pop(rng.randrange(len(outstanding))))
    while outstanding := outstanding + session.responses(0.0):
        proxy.take(outstanding.pop(0))
    last = session.snapshot
    assert last is not None
    for url in (CLUSTER, ENDPOINT, LISTENER, ROUTE):
        assert proxy.has[url] == {name: one.version for name, one in last.of(url).items()}, url
    assert session.status()["cds"]["status"] == "SYNCED"
