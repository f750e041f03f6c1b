"""Active health checks of one cluster: each host is asked in turn of its own timer, over a connection of its own.

What an answer means is decided in `balancing.health`; here it is fetched. A cluster that is checked is warm when every
host was asked once (Envoy: initialisation waits for the first round).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable

from sidecar.balancing.health import Change, HealthRules, HealthState, Verdict
from sidecar.balancing.hosts import Host
from sidecar.config.endpoint import LbEndpoint
from sidecar.config.health_check import HealthCheck
from sidecar.exchange.cluster_stats import ClusterStats
from sidecar.exchange.health_probe import HttpProbe, Outcome, Probe, TcpProbe
from sidecar.net.addresses import Endpoint
from sidecar.net.dispatcher import Dispatcher


def rules_of(config: HealthCheck) -> HealthRules:
    interval = config.interval
    unhealthy = config.unhealthy_interval or interval
    return HealthRules(
        interval_s=interval,
        unhealthy_threshold=config.unhealthy_threshold,
        healthy_threshold=config.healthy_threshold,
        unhealthy_interval_s=unhealthy,
        unhealthy_edge_s=config.unhealthy_edge_interval or unhealthy,
        healthy_edge_s=config.healthy_edge_interval or interval,
        no_traffic_s=config.no_traffic_interval,
        no_traffic_healthy_s=config.no_traffic_healthy_interval or config.no_traffic_interval,
        initial_jitter_s=config.initial_jitter,
        jitter_s=config.interval_jitter,
        jitter_percent=config.interval_jitter_percent,
    )


class HealthChecker:
    """`changed` is called after the health of any host changed, `failed` for each that is now unhealthy; `checked` when
    every host was asked at least once."""

    __slots__ = (
        "_changed", "_config", "_ignore_new", "_name", "_rng", "_sessions", "checked", "dispatcher", "failed",
        "passed", "rules", "stats",
    )  # fmt: skip

    def __init__(
        self,
        config: HealthCheck,
        dispatcher: Dispatcher,
        *,
        name: str,
        stats: ClusterStats,
        rng: random.Random,
        changed: Callable[[], None],
        passed: Callable[[Host], None],
        ignore_new: bool = False,
    ) -> None:
        """`ignore_new`: hosts count neither as healthy nor as missing until their first check."""
        self._config = config
        self.dispatcher = dispatcher
        self._name = name
        self._rng = rng
        self._changed = changed
        self.passed = passed
        """Told of every success, for who ejected the host."""
        self.checked: Callable[[], None] = lambda: None
        self.failed: Callable[[Host], None] = lambda _: None
        self.rules = rules_of(config)
        self.stats = stats
        self._ignore_new = ignore_new
        self._sessions: dict[Host, Session] = {}

    def update(self, came: Iterable[Host], left: Iterable[Host]) -> None:
        for host in left:
            session = self._sessions.pop(host, None)
            if session is not None:
                session.close()
        for host in came:
            given: LbEndpoint = host.endpoint.config
            if given.endpoint.health_check_config.disable_active_health_check:
                host.failed_active = False
                continue
            host.failed_active = True
            host.excluded = self._ignore_new
            self._sessions[host] = session = Session(self, host, HealthState(), self._probe(host, given))
            session.start(self._rng.random() * self.rules.initial_jitter_s)

    def adopt(self, old: HealthChecker, hosts: dict[str, Host]) -> None:
        """Of a predecessor that asked the same: who was well there is well here, and is asked when due."""
        for host, session in old._sessions.items():
            mine = self._sessions.get(hosts[host.key]) if host.key in hosts else None
            if mine is not None and not session.state.first:
                mine.state = HealthState(failed=session.state.failed)
                mine.state.first = False
                mine.host.failed_active, mine.host.said_degraded = host.failed_active, host.said_degraded
                mine.host.excluded = host.excluded

    def _probe(self, host: Host, given: LbEndpoint) -> Probe:
        own = given.endpoint.health_check_config
        plan = host.endpoint.plan._replace(connect_timeout_s=self._config.timeout)
        if own.port_value and not plan.target.is_pipe:
            plan = plan._replace(target=Endpoint(plan.target.host, own.port_value))
        http, tcp = self._config.http_health_check, self._config.tcp_health_check
        if http is not None:
            name = http.host or own.hostname or self._name
            return HttpProbe(self.dispatcher, plan, http, host=name, reuse=self._config.reuse_connection)
        assert tcp is not None, "configuration requires one of the two"
        return TcpProbe(self.dispatcher, plan, tcp, reuse=self._config.reuse_connection)

    @property
    def timeout_s(self) -> float:
        return self._config.timeout

    def next_s(self, *, passed: bool, change: Change) -> float:
        traffic = bool(self.stats.cx_total.value)
        return self.rules.delay_s(passed=passed, change=change, traffic=traffic, rng=self._rng)

    def told(self, session: Session, change: Change, *, degraded: bool, first: bool) -> None:
        host = session.host
        news = change is Change.CHANGED or host.said_degraded != degraded or host.excluded
        host.said_degraded, host.excluded = degraded, False
        host.failed_active = session.state.failed
        if change is Change.CHANGED and not session.state.failed:
            host.healthy_since_s = self.dispatcher.time()
        if change is Change.CHANGED and host.failed_active:
            self.failed(host)
        if news:
            self._changed()
        if first and not any(one.state.first for one in self._sessions.values()):
            self.checked()

    @property
    def done(self) -> bool:
        return not any(session.state.first for session in self._sessions.values())

    def fail_now(self, host: Host) -> None:
        """`x-envoy-immediate-health-check-fail` in an answer of ordinary traffic."""
        session = self._sessions.get(host)
        if session is None:
            return
        self.stats.count("health_check.failure")
        self.stats.count("health_check.passive_failure")
        if session.state.fail_now():
            host.failed_active = host.excluded = True
            self._changed()

    def levels(self) -> dict[str, int]:
        states = [session.state for session in self._sessions.values()]
        return {
            "health_check.healthy": sum(1 for state in states if not state.failed),
            "health_check.degraded": sum(1 for host in self._sessions if host.said_degraded),
        }

    def close(self) -> None:
        for session in self._sessions.values():
            session.close()
        self._sessions.clear()


class Session:
    """The checks of one host."""

    __slots__ = ("_checker", "_deadline", "_next", "_probe", "host", "state")

    def __init__(self, checker: HealthChecker, host: Host, state: HealthState, probe: Probe) -> None:
        self._checker = checker
        self.host = host
        self.state = state
        self._probe = probe
        self._next = checker.dispatcher.timer(self._ask)
        self._deadline = checker.dispatcher.timer(self._too_late)
        probe.done = self._answered

    def start(self, delay_s: float) -> None:
        self._next.start(delay_s)

    def _ask(self) -> None:
        self._checker.stats.count("health_check.attempt")
        self._deadline.start(self._checker.timeout_s)
        self._probe.ask()

    def _too_late(self) -> None:
        self._probe.reset()
        self._answered(Outcome(Verdict.NETWORK))

    def _answered(self, outcome: Outcome) -> None:
        """Also called unasked, when a connection that was kept for the next check is lost."""
        checker = self._checker
        self._deadline.stop()
        verdict = outcome.verdict
        passed = verdict is Verdict.SUCCESS
        checker.stats.count("health_check.success" if passed else "health_check.failure")
        if verdict is Verdict.NETWORK:
            checker.stats.count("health_check.network_failure")
        first = self.state.first
        change = self.state.observe(verdict, checker.rules)
        checker.told(self, change, degraded=outcome.degraded, first=first)
        if passed:
            checker.passed(self.host)
        self._next.start(checker.next_s(passed=passed, change=change))

    def close(self) -> None:
        self._next.stop()
        self._deadline.stop()
        self._probe.done = lambda _: None
        self._probe.reset()
