"""What is particular to a kind: defaults, validation, which fields can be selected, how it is deleted.

The verbs are the same for all kinds; a row of the table (`orchestrator.api.strategies`) says the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from mesh.kube.objects import Object
from orchestrator.api.errors import Cause
from orchestrator.api.names import NameRule, subdomain

Default = Callable[[Object], None]
Validate = Callable[[Object], Sequence[Cause]]
ValidateUpdate = Callable[[Object, Object], Sequence[Cause]]


def no_defaults(obj: Object) -> None:
    """Nothing to fill in."""


def always_valid(obj: Object) -> Sequence[Cause]:
    return ()


def any_update(new: Object, old: Object) -> Sequence[Cause]:
    return ()


@dataclass(frozen=True, slots=True)
class Strategy:
    """`prepare` sets what only the server decides, on create (old is None) and update.

    `status`: status is written by its subresource only. `graceful`: deletion waits for the node.
    `object_on_delete`: the answer to a finished deletion is the object, not a Status.
    """

    default: Default = no_defaults
    validate: Validate = always_valid
    validate_update: ValidateUpdate = any_update
    prepare: Callable[[Object, Object | None], None] = field(default=lambda new, old: None)
    name_rule: NameRule = subdomain
    status: bool = False
    generation: bool = False
    fields: frozenset[str] = frozenset()
    graceful: bool = False
    object_on_delete: bool = False
    create_on_update: bool = False
    namespace_must_be_active: bool = True
