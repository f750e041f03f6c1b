"""The table of inbound filter chains."""

from __future__ import annotations

import pytest

from mesh.istio.peer_authentication import MtlsMode
from mesh.translate.inbound_matches import CHAINS, chain_kinds


@pytest.mark.parametrize("protocol", ["http", "tcp", "auto"])
def test_strict_lets_no_plaintext_in(protocol: str) -> None:
    assert all(kind.mtls and kind.transport == "tls" for kind in CHAINS[(MtlsMode.STRICT, protocol)])


@pytest.mark.parametrize("protocol", ["http", "tcp", "auto"])
def test_disable_terminates_no_tls(protocol: str) -> None:
    assert not any(kind.mtls for kind in CHAINS[(MtlsMode.DISABLE, protocol)])


@pytest.mark.parametrize("protocol", ["http", "tcp", "auto"])
def test_permissive_takes_both_and_tells_them_apart_by_alpn(protocol: str) -> None:
    kinds = CHAINS[(MtlsMode.PERMISSIVE, protocol)]
    assert all(kind.protocols for kind in kinds if kind.mtls)
    assert any(kind.transport == "raw_buffer" for kind in kinds)


def test_matches_of_one_port_are_distinct() -> None:
    for kinds in CHAINS.values():
        assert len({(kind.transport, kind.protocols) for kind in kinds}) == len(kinds)


def test_protocol_words() -> None:
    assert chain_kinds(MtlsMode.STRICT, http=True, auto=False) is CHAINS[(MtlsMode.STRICT, "http")]
    assert chain_kinds(MtlsMode.STRICT, http=False, auto=True) is CHAINS[(MtlsMode.STRICT, "auto")]
    assert chain_kinds(MtlsMode.STRICT, http=False, auto=False) is CHAINS[(MtlsMode.STRICT, "tcp")]
