"""Semantic validation of Istio objects: what Istio's webhook refuses, and what it warns about.

Structure (unknown fields, wrong types) is the API server's schema's business; this module checks meaning.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mesh.kube.objects import Object


@dataclass(frozen=True, slots=True)
class Message:
    """`path` is the field in the object, e.g. `spec.http[0].route[1].weight`."""

    path: str
    message: str


@dataclass(frozen=True, slots=True)
class Verdict:
    errors: tuple[Message, ...] = field(default=())
    warnings: tuple[Message, ...] = field(default=())

    @property
    def valid(self) -> bool:
        return not self.errors


def validate(obj: Object) -> Verdict:
    """Check one object of a supported kind by itself. An unsupported Istio kind is an error that says so."""
    raise NotImplementedError
