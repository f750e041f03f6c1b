"""envoy.extensions.filters.http.header_mutation.v3: headers set and removed one after the other, in the given order."""

from __future__ import annotations

from sidecar.config.core import HeaderValueOption
from sidecar.config.matching import StringMatcher
from sidecar.config.message import Message


class RemoveOnMatch(Message, frozen=True, kw_only=True):
    key_matcher: StringMatcher


class Mutation(Message, frozen=True, kw_only=True):
    EXACTLY_ONE = (("remove", "append", "remove_on_match"),)

    remove: str | None = None
    append: HeaderValueOption | None = None
    remove_on_match: RemoveOnMatch | None = None


class Mutations(Message, frozen=True, kw_only=True):
    """Query parameters and trailers are left alone."""

    request_mutations: tuple[Mutation, ...] = ()
    response_mutations: tuple[Mutation, ...] = ()


class HeaderMutation(Message, frozen=True, kw_only=True):
    TYPE = "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation"

    mutations: Mutations = Mutations()
    most_specific_header_mutations_wins: bool = False


class HeaderMutationPerRoute(Message, frozen=True, kw_only=True):
    """All levels' mutations are done, after the filter's own."""

    TYPE = "envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute"

    mutations: Mutations = Mutations()
