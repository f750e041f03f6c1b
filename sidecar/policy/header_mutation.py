"""Header mutations of a filter and of its routes, compiled (docs: http_filters/header_mutation_filter)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sidecar.config.header_mutation import Mutation
from sidecar.config.header_mutation import Mutations as MutationsConfig
from sidecar.config.refusal import Refused
from sidecar.protocol.message import Headers, RequestHead, ResponseHead
from sidecar.routing.conditions import string_predicate
from sidecar.routing.header_edits import compile_edits
from sidecar.telemetry.record import ExchangeRecord

Change = Callable[[Headers, RequestHead, ResponseHead | None, ExchangeRecord], None]


class Mutations:
    """Of one level: what is done to requests and to responses, in order."""

    __slots__ = ("request", "response")

    def __init__(self, config: MutationsConfig) -> None:
        """Raises `Refused`."""
        self.request = tuple(_compile(config.request_mutations, "request_mutations"))
        self.response = tuple(_compile(config.response_mutations, "response_mutations"))


class RouteMutations:
    """Of all levels of a route, from the most specific one out."""

    __slots__ = ("levels",)

    def __init__(self, levels: tuple[Mutations, ...]) -> None:
        self.levels = levels


def in_order(own: Mutations, route: RouteMutations | None, *, most_specific_wins: bool) -> tuple[Mutations, ...]:
    """The filter's own come first; who comes last wins."""
    if route is None:
        return (own,)
    return (own, *(route.levels[::-1] if most_specific_wins else route.levels))


def _compile(mutations: Iterable[Mutation], field: str) -> Iterable[Change]:
    for index, one in enumerate(mutations):
        try:
            yield _change(one)
        except Refused as refused:
            raise refused.at(f"{field}[{index}]") from None


def _change(one: Mutation) -> Change:
    if one.remove_on_match is not None:
        try:
            return _removal(string_predicate(one.remove_on_match.key_matcher))
        except Refused as refused:
            raise refused.at("remove_on_match.key_matcher") from None
    try:
        if one.append is not None:
            return compile_edits((one.append,), (), "").apply
        return compile_edits((), (one.remove or "",), "").apply
    except Refused as refused:
        raise Refused(refused.refusal.reason, "append.header" if one.append is not None else "remove") from None


def _removal(fits: Callable[[bytes], bool]) -> Change:
    def remove(headers: Headers, head: RequestHead, response: ResponseHead | None, record: ExchangeRecord) -> None:
        for name in {lower for _, lower, _, _ in headers.fields if fits(lower)}:
            headers.remove(name)

    return remove
