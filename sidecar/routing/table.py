"""A RouteConfiguration at work: host and path are looked up, conditions tried in order, the first route that fits wins.

A table is made beside the one in use and replaces it by one assignment; weighted sequences go on where their route
and weights are unchanged. Requests under way keep the decision they have.
"""

from __future__ import annotations

import random
from dataclasses import replace

from sidecar.balancing.retry import NO_RETRIES
from sidecar.config.refusal import Refusal, Refused
from sidecar.config.route import RouteConfiguration, VirtualHost
from sidecar.protocol.message import RequestHead
from sidecar.routing.choice import Draws, Single
from sidecar.routing.compile import Entry, HostCompiler, at, level_edits
from sidecar.routing.decision import RouteDecision
from sidecar.routing.hosts import HostIndex
from sidecar.routing.paths import PathIndex
from sidecar.routing.timeouts import ASKED, asked


class VirtualHostTable:
    """Routes of one virtual host. `entries` in the configuration's order, for those who explain a decision."""

    __slots__ = ("config", "entries", "name", "paths", "plaintext")

    def __init__(self, config: VirtualHost, entries: list[Entry], plaintext: RouteDecision | None) -> None:
        self.config = config
        self.name = config.name
        self.entries = tuple(entries)
        self.plaintext = plaintext
        """The redirect that answers every plaintext request (require_tls); None = they are routed."""
        self.paths = PathIndex([(entry.route.config.match, entry) for entry in entries])


class RouteTable:
    """`route(head)` costs a few dictionary look-ups, however many routes there are."""

    __slots__ = ("_draws", "_hosts", "_rng", "config", "virtual_hosts")

    def __init__(self, config: RouteConfiguration, *, draws: Draws, rng: random.Random) -> None:
        """Raises `Refused`; others call `compile`."""
        self.config = config
        self._draws = draws
        self._rng = rng
        global_edits = level_edits(config)
        self.virtual_hosts: list[VirtualHostTable] = []
        for index, host in enumerate(config.virtual_hosts):
            with at(f"virtual_hosts[{index}]"):
                compiler = HostCompiler(config, host, global_edits=global_edits, draws=draws, rng=rng)
                self.virtual_hosts.append(_virtual_host(host, compiler))
        self._hosts = HostIndex(
            [(host.config.domains, host) for host in self.virtual_hosts],
            ignore_port=config.ignore_port_in_host_matching,
        )

    @classmethod
    def compile(
        cls, config: RouteConfiguration, *, previous: RouteTable | None = None, rng: random.Random
    ) -> RouteTable | Refusal:
        """`previous`: the table that this one will replace; `rng`: where weighted sequences start, mirrors, faults."""
        draws = Draws(previous._draws if previous is not None else None, rng)
        try:
            table = cls(config, draws=draws, rng=rng)
        except Refused as refused:
            return refused.refusal
        draws.forget_previous()
        return table

    @property
    def name(self) -> str:
        return self.config.name

    def virtual_host(self, authority: bytes) -> VirtualHostTable | None:
        return self._hosts.find(authority)

    def route(self, head: RequestHead) -> RouteDecision | None:
        """What to do with the request; None = no route (404, flag NR). Draws: call it once a request."""
        host = self._hosts.find(head.authority)
        if host is None:
            return None
        if host.plaintext is not None and head.scheme != b"https":
            return host.plaintext
        path = head.path
        mark = path.find(b"?")
        for entry in host.paths.candidates(path if mark < 0 else path[:mark]):
            for condition in entry.conditions:
                if not condition(head):
                    break
            else:
                decision = entry.choice.choose(head)
                if decision is None:
                    return None
                if entry.mirrored:
                    decision = self._with_mirrors(entry, decision)
                if not ASKED.isdisjoint(head.headers.index()):
                    decision = _as_asked(decision, head)
                limits = entry.route.retry_limits
                if limits and not any(condition(head) for condition in limits):
                    decision = decision.but(budget=replace(decision.budget, retry=NO_RETRIES))
                return decision
        return None

    def repeats(self, head: RequestHead) -> bool:
        """Whether every request with these bytes goes the same way: no draw, and no look at a field made by us."""
        host = self._hosts.find(head.authority)
        if host is None:
            return False
        path = head.path
        mark = path.find(b"?")
        for entry in host.paths.candidates(path if mark < 0 else path[:mark]):
            if entry.varies:
                return False
            if all(condition(head) for condition in entry.conditions):
                return isinstance(entry.choice, Single)
        return False

    def _with_mirrors(self, entry: Entry, decision: RouteDecision) -> RouteDecision:
        """Each mirror is drawn by itself."""
        drawn = tuple(
            mirror for mirror in entry.route.mirrors if mirror.fraction >= 1.0 or self._rng.random() < mirror.fraction
        )
        return decision.but(mirrors=drawn)

    def clusters(self) -> set[str]:
        """Every cluster that a request may be sent to by this table, mirrors included."""
        found: set[str] = set()
        for host in self.virtual_hosts:
            for entry in host.entries:
                found.update(decision.cluster for decision in entry.choice.decisions if decision.cluster)
                found.update(mirror.cluster for mirror in entry.route.mirrors)
        return found

    def __repr__(self) -> str:
        return f"<RouteTable {self.name}: {len(self.virtual_hosts)} virtual hosts>"


def _as_asked(decision: RouteDecision, head: RequestHead) -> RouteDecision:
    action = decision.route.config.route
    if action is None:
        return decision
    return decision.but(budget=asked(decision.budget, action, head.headers))


def _virtual_host(host: VirtualHost, compiler: HostCompiler) -> VirtualHostTable:
    entries = []
    for position, route in enumerate(host.routes):
        with at(f"routes[{position}]"):
            entries.append(compiler.compile(route, position))
    plaintext = compiler.https_only() if host.require_tls != "NONE" else None
    with at("routes"):
        return VirtualHostTable(host, entries, plaintext)
