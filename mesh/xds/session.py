"""One proxy's delta xDS session. Pure: requests come in, responses go out, time is an argument.

Each resource type has a state of its own (`TRANSITIONS`). At most one response per type is in flight, so a slow proxy
holds nothing up and costs no queue: what it gets next is the difference to the newest snapshot, whatever was skipped.

Make before break, for every new snapshot: clusters, endpoints, listeners, routes, names, each after the ones before it
are acknowledged; removals when all of that is done. A refused response counts as settled: the proxy keeps its last
good configuration of that type and must not be cut off from the others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from mesh.xds.kinds import CLUSTER, ENDPOINT, FIELDS, PUSH_ORDER, REMOVAL_ORDER, SECRET, SHORT_NAMES, WILDCARD_KINDS
from mesh.xds.snapshot import Resource, Snapshot
from mesh.xds.wire import DeltaRequest, DeltaResponse, ErrorDetail

ENDPOINTS_WAIT_S = 1.0
"""How long listeners and routes wait for a proxy to ask for the endpoints of clusters that it has just acknowledged.
Without a bound, a proxy that asks for endpoints only when it needs them would never see a route."""

NAMES_MAX = 100_000
ABSENT = ""
"""The known version of a resource that the proxy asked for and was told does not exist."""


class State(StrEnum):
    IDLE = "IDLE"  # nothing subscribed
    SETTLED = "SETTLED"  # the last response was acknowledged, or none was needed
    IN_FLIGHT = "IN_FLIGHT"  # a response waits for its ACK or NACK
    REFUSED = "REFUSED"  # the last response was not accepted


class Event(StrEnum):
    SUBSCRIBE = "SUBSCRIBE"
    SEND = "SEND"
    ACK = "ACK"
    NACK = "NACK"


TRANSITIONS: dict[State, dict[Event, State]] = {
    State.IDLE: {Event.SUBSCRIBE: State.SETTLED},
    State.SETTLED: {Event.SUBSCRIBE: State.SETTLED, Event.SEND: State.IN_FLIGHT},
    State.IN_FLIGHT: {Event.SUBSCRIBE: State.IN_FLIGHT, Event.ACK: State.SETTLED, Event.NACK: State.REFUSED},
    State.REFUSED: {Event.SUBSCRIBE: State.REFUSED, Event.SEND: State.IN_FLIGHT},
}
"""A missing key cannot happen: an ACK or NACK counts only when it carries the nonce in flight."""


@dataclass(slots=True)
class Subscription:
    """What one proxy wants and has of one type."""

    type_url: str
    state: State = State.IDLE
    wildcard: bool = False
    names: set[str] = field(default_factory=set)
    known: dict[str, str] = field(default_factory=dict)  # name -> version sent last
    in_flight: DeltaResponse | None = None
    answered: bool = False  # anything was sent on this stream
    version: str = ""  # the snapshot that the proxy is level with
    generation: int = 0
    error: ErrorDetail | None = None
    refused: frozenset[str] = frozenset()  # the resources that `error` names
    unsure: frozenset[str] = frozenset()  # others of the same response: one NACK names one reason
    settled_at: float = 0.0

    def step(self, event: Event) -> None:
        self.state = TRANSITIONS[self.state][event]

    def accepted(self) -> None:
        """What was refused is in order now. Its companions are sent again: some may have been refused silently."""
        for name in self.unsure:
            self.known.pop(name, None)
        self.error, self.refused, self.unsure = None, frozenset(), frozenset()

    def wants(self, name: str) -> bool:
        return self.wildcard or name in self.names

    def updates(self, snapshot: Snapshot) -> list[Resource]:
        offered = snapshot.of(self.type_url)
        if self.wildcard:
            return [one for name, one in offered.items() if self.known.get(name) != one.version]
        found = (offered.get(name) for name in self.names)
        return [one for one in found if one is not None and self.known.get(one.name) != one.version]

    def missing(self, snapshot: Snapshot) -> list[str]:
        """Names asked for that do not exist and were not reported yet: the proxy must not wait for them."""
        offered = snapshot.of(self.type_url)
        return [name for name in self.names if name not in offered and name not in self.known]

    def removals(self, snapshot: Snapshot) -> list[str]:
        offered = snapshot.of(self.type_url)
        return [name for name, version in self.known.items() if name not in offered and version != ABSENT]


class Session:
    """`receive` requests, set a `target`, and send what `responses` returns, in that order, again and again."""

    def __init__(self, *, endpoints_wait_s: float = ENDPOINTS_WAIT_S) -> None:
        self.subscriptions = {type_url: Subscription(type_url) for type_url in FIELDS}
        self.snapshot: Snapshot | None = None
        self._endpoints_wait_s = endpoints_wait_s
        self._nonces = 0

    def target(self, snapshot: Snapshot) -> None:
        """What the proxy should have from now on."""
        self.snapshot = snapshot

    def receive(self, request: DeltaRequest, now: float) -> None:
        """Raises ValueError for a type that we do not serve or more names than a proxy may ask for."""
        subscription = self.subscriptions.get(request.type_url)
        if subscription is None:
            raise ValueError(f"type_url: {request.type_url} is not served")
        in_flight = subscription.in_flight
        if request.nonce and in_flight is not None and request.nonce == in_flight.nonce:
            self._answered(subscription, in_flight, request.error, now)
        if subscription.state is State.IDLE or request.subscribe or request.unsubscribe:
            _subscribe(subscription, request)

    def responses(self, now: float) -> list[DeltaResponse]:
        """What may be sent now. Each response counts as sent."""
        if self.snapshot is None:
            return []
        out = list(self._updates(self.snapshot, now))
        for subscription in self.subscriptions.values():
            self._level(subscription, self.snapshot)
        return out

    def wake_at(self) -> float | None:
        """When `responses` may have something without any other event, None = only after one."""
        clusters = self.subscriptions[CLUSTER]
        if self.snapshot is None or not self._endpoints_awaited(self.snapshot):
            return None
        return clusters.settled_at + self._endpoints_wait_s

    def endpoints_level(self, generation: int) -> bool:
        """True when the proxy has acknowledged the endpoints of this generation, or holds none."""
        endpoints = self.subscriptions[ENDPOINT]
        return endpoints.state is State.IDLE or endpoints.generation >= generation

    def status(self) -> dict[str, dict[str, Any]]:
        """By `cds`, `lds`, `eds`, `rds`: status, version and error as `proxy-status` shows them."""
        return {short: self._status(self.subscriptions[type_url]) for type_url, short in SHORT_NAMES.items()}

    def _updates(self, snapshot: Snapshot, now: float) -> Iterator[DeltaResponse]:
        secrets = self.subscriptions[SECRET]
        if secrets.state is not State.IN_FLIGHT:
            yield from self._send(secrets, snapshot, removals=True)
        for type_url in PUSH_ORDER:
            subscription = self.subscriptions[type_url]
            if subscription.state is not State.IN_FLIGHT:
                yield from self._send(subscription, snapshot, removals=False)
            if subscription.state is State.IN_FLIGHT:
                return
            if type_url == ENDPOINT and self._endpoints_awaited(snapshot):
                settled_at = self.subscriptions[CLUSTER].settled_at
                if now < settled_at + self._endpoints_wait_s:
                    return
        for type_url in REMOVAL_ORDER:
            subscription = self.subscriptions[type_url]
            yield from self._send(subscription, snapshot, removals=True)
            if subscription.state is State.IN_FLIGHT:
                return

    def _send(self, subscription: Subscription, snapshot: Snapshot, *, removals: bool) -> Iterator[DeltaResponse]:
        if subscription.state is State.IDLE:
            return
        resources = subscription.updates(snapshot)
        removed = subscription.missing(snapshot)
        for name in removed:
            subscription.known[name] = ABSENT
        if removals:
            vanished = subscription.removals(snapshot)
            for name in vanished:
                # A name still subscribed stays known as absent; a wildcard's is simply gone.
                subscription.known.pop(name)
                if name in subscription.names:
                    subscription.known[name] = ABSENT
            removed += vanished
        # A proxy that asked for everything must learn that there is nothing: it counts as ready only then.
        first = subscription.wildcard and not subscription.answered
        if not resources and not removed and not first:
            return
        subscription.answered = True
        self._nonces += 1
        response = DeltaResponse(
            subscription.type_url, snapshot.version, str(self._nonces), tuple(resources), tuple(removed)
        )
        subscription.known.update({resource.name: resource.version for resource in resources})
        subscription.in_flight = response
        subscription.step(Event.SEND)
        yield response

    def _answered(
        self, subscription: Subscription, response: DeltaResponse, error: ErrorDetail | None, now: float
    ) -> None:
        subscription.in_flight = None
        subscription.settled_at = now
        touched = frozenset(resource.name for resource in response.resources) | frozenset(response.removed)
        if error is None:
            subscription.step(Event.ACK)
            # An ACK of other resources does not make the refused ones good.
            if subscription.refused & touched:
                subscription.accepted()
            return
        subscription.step(Event.NACK)
        named = frozenset(name for name in touched if _names(error.message, name))
        subscription.error = error
        subscription.refused = named or touched
        subscription.unsure = (subscription.unsure | touched) - subscription.refused

    def _level(self, subscription: Subscription, snapshot: Snapshot) -> None:
        if subscription.state in (State.IDLE, State.IN_FLIGHT) or subscription.updates(snapshot):
            return
        # Endpoints that are only not removed yet do no harm: nothing refers to them.
        if subscription.type_url == ENDPOINT or not subscription.removals(snapshot):
            subscription.version = snapshot.version
            subscription.generation = snapshot.generation

    def _endpoints_awaited(self, snapshot: Snapshot) -> bool:
        """True while the proxy has not asked for the endpoints of every cluster that it has."""
        clusters, endpoints = self.subscriptions[CLUSTER], self.subscriptions[ENDPOINT]
        if clusters.state is State.IDLE:
            return False
        return any(not endpoints.wants(name) for name in snapshot.of(ENDPOINT))

    def _status(self, subscription: Subscription) -> dict[str, Any]:
        error = subscription.error
        return {
            "status": self._status_word(subscription),
            "version": subscription.version,
            "error": {"path": error.path, "message": error.reason} if error else None,
        }

    def _status_word(self, subscription: Subscription) -> str:
        if subscription.error is not None:
            return "ERROR"
        if subscription.state is State.IDLE or self.snapshot is None:
            return "NOT_SENT"
        return "SYNCED" if subscription.generation == self.snapshot.generation else "STALE"

    def __repr__(self) -> str:
        parts = [f"{short} {self.subscriptions[url].state}" for url, short in SHORT_NAMES.items()]
        return f"<Session {', '.join(parts)}>"


def _names(message: str, name: str) -> bool:
    """True when `message` names the resource: `80` is not named by `outbound|80||web`."""
    return re.search(rf"(?<![\w|.:/-]){re.escape(name)}(?![\w|/-])", message) is not None


def _subscribe(subscription: Subscription, request: DeltaRequest) -> None:
    first = subscription.state is State.IDLE
    if first:
        subscription.known.update(request.initial_versions)
        subscription.wildcard = subscription.type_url in WILDCARD_KINDS and not request.subscribe
    for name in request.unsubscribe:
        if name == "*":
            subscription.wildcard = False
        subscription.names.discard(name)
        subscription.known.pop(name, None)
        if name in subscription.refused:
            subscription.refused -= {name}
            if not subscription.refused:
                subscription.accepted()
    for name in request.subscribe:
        if name == "*":
            subscription.wildcard = True
            continue
        subscription.names.add(name)
        # Asking again for what it has means that the proxy lost it (xDS protocol, delta subscribe).
        if name not in request.initial_versions:
            subscription.known.pop(name, None)
    if len(subscription.names) > NAMES_MAX:
        raise ValueError(f"resource_names_subscribe: more than {NAMES_MAX} names")
    subscription.step(Event.SUBSCRIBE)
