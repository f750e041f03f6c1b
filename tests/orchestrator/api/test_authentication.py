"""Users from certificates."""

from __future__ import annotations

import pytest

from orchestrator.api.authentication import user_of_certificate


@pytest.mark.parametrize("certificate", [None, {}, {"subject": ()}, {"subject": ((("organizationName", "x"),),)}])
def test_nobody(certificate: dict[str, object] | None) -> None:
    assert user_of_certificate(certificate) is None


def test_name_and_groups() -> None:
    subject = ((("organizationName", "system:masters"),), (("organizationName", "b"),), (("commonName", "admin"),))
    user = user_of_certificate({"subject": subject})
    assert user is not None
    assert (user.name, user.groups) == ("admin", ("system:masters", "b", "system:authenticated"))
