"""All listeners by name: configuration compiled beside, swapped when ready, drained when replaced or removed.

A listener that waits for its routes (RDS) is warm only when they are here; until then its predecessor serves. Chains
whose configuration did not change keep their manager, so their connections notice nothing.
"""

from __future__ import annotations

import logging
import random
from typing import NamedTuple

from sidecar.config.core import Address
from sidecar.config.http_connection_manager import HttpConnectionManager
from sidecar.config.listener import FilterChain, HttpInspector, OriginalDst, TlsInspector
from sidecar.config.listener import Listener as ListenerConfig
from sidecar.config.refusal import Refusal, Refused
from sidecar.config.tcp_proxy import TcpProxy
from sidecar.config.tls import DownstreamTlsContext
from sidecar.exchange.manager import Manager, Surroundings
from sidecar.exchange.routes import RouteHolder, Routes
from sidecar.exchange.tunnel import TunnelManager
from sidecar.net.addresses import Endpoint
from sidecar.net.bind import listen
from sidecar.net.filter_chain import ChainMatcher
from sidecar.net.inspect import Step
from sidecar.net.listener import Chain, ConnectionTotal, Listener, ListenerStats, Rules
from sidecar.net.secrets import SecretStore
from sidecar.net.tls import PathResolver, TlsContext
from sidecar.telemetry.record import Peer

log = logging.getLogger(__name__)

DRAIN_S = 60.0
"""Connections of a removed listener or chain may go on for so long."""
ROUTES_WAIT_S = 15.0
"""Envoy's initial_fetch_timeout: then a listener serves without its routes (404) rather than not at all."""

AnyManager = Manager | TunnelManager


class BuiltChain(NamedTuple):
    config: FilterChain
    chain: Chain
    manager: AnyManager
    holder: RouteHolder | None


class Built(NamedTuple):
    """One listener configuration, compiled."""

    config: ListenerConfig
    rules: Rules
    chains: tuple[BuiltChain, ...]

    @property
    def ready(self) -> bool:
        return all(one.holder is None or one.holder.table is not None for one in self.chains)


class Listeners:
    def __init__(
        self, around: Surroundings, *, routes: Routes, secrets: SecretStore, resolve: PathResolver, rng: random.Random
    ) -> None:
        self._around = around
        self._routes = routes
        self._secrets = secrets
        self._resolve = resolve
        self._rng = rng
        self.total = ConnectionTotal()
        self._accepting = False
        self._built: dict[str, Built] = {}
        self._warming: dict[str, Built] = {}
        self._listeners: dict[str, Listener] = {}
        self._virtual: dict[Endpoint, Listener] = {}
        self._draining: set[AnyManager] = set()

    # Configuration

    def put(self, config: ListenerConfig) -> Refusal | None:
        current = self._warming.get(config.name) or self._built.get(config.name)
        if current is not None and current.config == config:
            return None
        built = self._build(config)
        if isinstance(built, Refusal):
            return built
        if built.ready:
            return self._activate(built)
        self._warming[config.name] = built
        self._around.dispatcher.loop.call_later(ROUTES_WAIT_S, self._waited, built)
        return None

    def _build(self, config: ListenerConfig) -> Built | Refusal:
        previous = self._built.get(config.name)
        known = {}
        if previous is not None and previous.config.traffic_direction == config.traffic_direction:
            known = {one.config.name or position: one for position, one in enumerate(previous.chains)}
        chains = []
        for position, chain in enumerate(config.chains):
            same = known.get(chain.name or position)
            if same is not None and same.config == chain:
                chains.append(same)
                continue
            place = "default_filter_chain" if chain is config.default_filter_chain else f"filter_chains[{position}]"
            try:
                chains.append(self._chain(config, chain, position))
            except Refused as refused:
                return refused.at(place).refusal
            except (ValueError, OSError) as failure:
                return Refusal(place, str(failure))
        default = chains.pop() if config.default_filter_chain is not None else None
        try:
            matcher = ChainMatcher(
                [(one.config.filter_chain_match, one.chain) for one in chains], default.chain if default else None
            )
        except ValueError as failure:
            return Refusal("filter_chains", str(failure))
        rules = Rules(
            matcher,
            steps=_steps(config, matcher.needs_hello),
            inspect_timeout_s=config.listener_filters_timeout,
            use_original_dst=config.use_original_dst,
            read_original_dst=config.has(OriginalDst),
            buffer_bytes=config.per_connection_buffer_limit_bytes,
        )
        return Built(config, rules, (*chains, default) if default else tuple(chains))

    def _chain(self, listener: ListenerConfig, chain: FilterChain, position: int) -> BuiltChain:
        around = self._around
        tls = None
        if chain.transport_socket is not None and isinstance(chain.transport_socket.typed_config, DownstreamTlsContext):
            tls = TlsContext(chain.transport_socket.typed_config, self._secrets, resolve=self._resolve)
            if not chain.transport_socket.typed_config.common_tls_context.secret_names:
                tls()  # a certificate that cannot be read is a refusal now, not a failed handshake later
        config = chain.filter
        manager: AnyManager
        holder = None
        if isinstance(config, HttpConnectionManager):
            holder = self._holder(listener, chain, config, position)
            manager = Manager(config, listener, holder, around, tls=tls is not None)
        else:
            manager = self._tunnels(config, listener)
        serve = manager.serve
        handshake_s = chain.transport_socket_connect_timeout
        built = Chain(chain.name, tls, serve, handshake_s) if handshake_s else Chain(chain.name, tls, serve)
        return BuiltChain(chain, built, manager, holder)

    def _holder(
        self, listener: ListenerConfig, chain: FilterChain, config: HttpConnectionManager, position: int
    ) -> RouteHolder:
        if config.rds is not None:
            return self._routes.holder(config.rds.route_config_name)
        assert config.route_config is not None, "configuration requires one of the two"
        return self._routes.inline(f"{listener.name}/{chain.name or position}", config.route_config)

    def _tunnels(self, config: TcpProxy, listener: ListenerConfig) -> TunnelManager:
        around = self._around
        reporter = "destination" if listener.traffic_direction == "INBOUND" else "source"
        return TunnelManager(
            config,
            listener,
            dispatcher=around.dispatcher,
            clusters=around.clusters,
            stats=around.stats,
            sink=around.sink,
            rng=self._rng,
            reporter=reporter if around.peer != Peer() else "",
        )

    def _activate(self, built: Built) -> Refusal | None:
        """From here on new connections meet the new configuration."""
        config = built.config
        self._warming.pop(config.name, None)
        previous = self._built.get(config.name)
        listener = self._listeners.get(config.name)
        moved = previous is None or previous.config.address != config.address
        if listener is None or moved or previous is None or previous.config.bind_to_port != config.bind_to_port:
            opened = self._open(built, listener)
            if isinstance(opened, Refusal):
                return opened
        else:
            listener.rules = built.rules
        self._built[config.name] = built
        if previous is not None:
            kept = {id(one.manager) for one in built.chains}
            self._retire(tuple(one for one in previous.chains if id(one.manager) not in kept))
        return None

    def _open(self, built: Built, old: Listener | None) -> Listener | Refusal:
        config, around = built.config, self._around
        name = config.stat_prefix or config.address.shown
        listener = Listener(
            config.name,
            around.dispatcher,
            built.rules,
            stats=ListenerStats(around.stats, name),
            total=self.total,
            find=self._virtual.get if not config.use_original_dst else self.find,
        )
        if config.bind_to_port:
            try:
                sock = listen(config.address, backlog=config.tcp_backlog_size)
            except OSError as failure:
                return Refusal("address", str(failure))
            listener.open(sock, accepting=self._accepting)
        if old is not None:
            self._close(old, self._built[config.name].config.address)
        if not config.bind_to_port and config.address.socket_address is not None:
            self._virtual[_endpoint(config.address)] = listener
        self._listeners[config.name] = listener
        return listener

    def find(self, destination: Endpoint) -> Listener | None:
        """The listener for an original destination: its address and port, else its port on any address."""
        return self._virtual.get(destination) or self._virtual.get(Endpoint("0.0.0.0", destination.port))

    def routes_arrived(self) -> None:
        for built in [one for one in self._warming.values() if one.ready]:
            self._activate_late(built)

    def _activate_late(self, built: Built) -> None:
        """Accepted before, so that nobody waits for a verdict any more: the log has to do."""
        refusal = self._activate(built)
        if refusal is not None:
            log.error("listener %s: %s", built.config.name, refusal)

    def _waited(self, built: Built) -> None:
        if self._warming.get(built.config.name) is built:
            self._activate_late(built)

    def remove(self, name: str) -> None:
        self._warming.pop(name, None)
        listener, built = self._listeners.pop(name, None), self._built.pop(name, None)
        if built is None or listener is None:
            return
        self._close(listener, built.config.address)
        self._retire(built.chains)

    def _close(self, listener: Listener, address: Address) -> None:
        sock = listener.close()
        if sock is not None:
            sock.close()
        if address.socket_address is not None and self._virtual.get(_endpoint(address)) is listener:
            del self._virtual[_endpoint(address)]

    def _retire(self, chains: tuple[BuiltChain, ...]) -> None:
        for one in chains:
            one.manager.drain()
            self._draining.add(one.manager)
            self._around.dispatcher.loop.call_later(DRAIN_S, self._expired, one.manager)

    def _expired(self, manager: AnyManager) -> None:
        self._draining.discard(manager)
        manager.abort()

    # Life

    def accept(self) -> None:
        self._accepting = True
        for listener in self._listeners.values():
            listener.accept()

    def stop_accepting(self) -> None:
        """Nothing new; listening sockets are closed unless a sandbox keeps them too."""
        self._accepting = False
        for name in list(self._listeners):
            listener, built = self._listeners.pop(name), self._built[name]
            self._close(listener, built.config.address)

    def drain(self) -> None:
        for built in self._built.values():
            for one in built.chains:
                one.manager.drain()

    def abort(self) -> None:
        for manager in [*self._draining, *(one.manager for built in self._built.values() for one in built.chains)]:
            manager.abort()

    @property
    def connections(self) -> int:
        managers = [*self._draining, *(one.manager for built in self._built.values() for one in built.chains)]
        return sum(len(one.connections if isinstance(one, Manager) else one.tunnels) for one in managers)

    def shown(self) -> list[tuple[str, str]]:
        """(name, address) of each listener in force; a port 0 is shown as the one it got."""
        found = []
        for name, built in sorted(self._built.items()):
            listener = self._listeners.get(name)
            address = built.config.address
            real = listener.address if listener is not None else None
            found.append((name, str(real) if real is not None and address.pipe is None else address.shown))
        return found

    def rds_names(self) -> set[str]:
        return {
            one.manager.config.rds.route_config_name
            for built in (*self._built.values(), *self._warming.values())
            for one in built.chains
            if isinstance(one.manager, Manager) and one.manager.config.rds is not None
        }

    def secret_names(self) -> set[str]:
        return {
            name
            for built in (*self._built.values(), *self._warming.values())
            for one in built.chains
            if one.config.transport_socket is not None
            and isinstance(one.config.transport_socket.typed_config, DownstreamTlsContext)
            for name in one.config.transport_socket.typed_config.common_tls_context.secret_names
        }


def _endpoint(address: Address) -> Endpoint:
    assert address.socket_address is not None
    return Endpoint(address.socket_address.address, address.socket_address.port_value)


def _steps(config: ListenerConfig, needs_hello: bool) -> tuple[Step, ...]:
    steps = []
    if (proxy := config.proxy_protocol) is not None:
        steps.append(Step.PROXY_IF_ANY if proxy.allow_requests_without_proxy_protocol else Step.PROXY)
    if needs_hello or config.has(TlsInspector):
        # Without the inspector no chain could match on what only the hello says; Envoy adds it too.
        steps.append(Step.TLS)
    if config.has(HttpInspector):
        steps.append(Step.HTTP)
    return tuple(steps)
