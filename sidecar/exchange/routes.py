"""Route tables by name. A connection manager holds a `RouteHolder`; a new table is one assignment in it."""

from __future__ import annotations

import random

from sidecar.config.refusal import Refusal, Refused
from sidecar.config.route import RouteConfiguration
from sidecar.routing.table import RouteTable


class RouteHolder:
    """Shared by all managers that name the same RouteConfiguration. `table` None = it has not come yet."""

    __slots__ = ("name", "table")

    def __init__(self, name: str, table: RouteTable | None = None) -> None:
        self.name = name
        self.table = table


class Routes:
    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._holders: dict[str, RouteHolder] = {}
        self._inline: dict[str, RouteTable] = {}

    def holder(self, name: str) -> RouteHolder:
        """Of a RouteConfiguration that comes, or came, as a resource."""
        found = self._holders.get(name)
        if found is None:
            found = self._holders[name] = RouteHolder(name)
        return found

    def put(self, config: RouteConfiguration) -> Refusal | None:
        holder = self.holder(config.name)
        if holder.table is not None and holder.table.config == config:
            return None
        table = RouteTable.compile(config, previous=holder.table, rng=self._rng)
        if isinstance(table, Refusal):
            return table
        holder.table = table
        return None

    def inline(self, key: str, config: RouteConfiguration) -> RouteHolder:
        """Of a configuration inside its connection manager; `key` finds its predecessor. Raises `Refused`."""
        table = RouteTable.compile(config, previous=self._inline.get(key), rng=self._rng)
        if isinstance(table, Refusal):
            raise Refused(table.reason, table.path).at("filters[0].typed_config.route_config")
        self._inline[key] = table
        return RouteHolder(config.name, table)

    def remove(self, name: str) -> None:
        """Managers that still name it answer 404 until it comes again."""
        holder = self._holders.get(name)
        if holder is not None:
            holder.table = None
