"""Which filter chains a port needs, by its mTLS mode and protocol. A table of Istio's, as data.

ALPN tells mesh traffic from an application's own TLS: sidecars offer names that nobody else does.
"""

from __future__ import annotations

from dataclasses import dataclass

from mesh.istio.peer_authentication import MtlsMode

MESH_HTTP = ("istio-http/1.0", "istio-http/1.1", "istio-h2")
MESH_TCP = ("istio-peer-exchange", "istio")
MESH_ANY = (*MESH_TCP, *MESH_HTTP)
PLAIN_HTTP = ("http/1.0", "http/1.1")
TLS = "tls"
RAW = "raw_buffer"


@dataclass(frozen=True, slots=True)
class ChainKind:
    """`transport` "" and `protocols` () = any. `mtls`: the proxy terminates; else bytes pass as they are."""

    http: bool
    mtls: bool = False
    transport: str = ""
    protocols: tuple[str, ...] = ()


_HTTP_OVER_MTLS = ChainKind(http=True, mtls=True, transport=TLS, protocols=MESH_HTTP)
_TCP_OVER_MTLS = ChainKind(http=False, mtls=True, transport=TLS, protocols=MESH_TCP)
_OWN_TLS = ChainKind(http=False, transport=TLS)
_SNIFFED_HTTP = ChainKind(http=True, transport=RAW, protocols=PLAIN_HTTP)
_RAW_TCP = ChainKind(http=False, transport=RAW)

CHAINS: dict[tuple[MtlsMode, str], tuple[ChainKind, ...]] = {
    (MtlsMode.STRICT, "http"): (ChainKind(http=True, mtls=True, transport=TLS),),
    (MtlsMode.STRICT, "tcp"): (ChainKind(http=False, mtls=True, transport=TLS),),
    (MtlsMode.STRICT, "auto"): (_HTTP_OVER_MTLS, ChainKind(http=False, mtls=True, transport=TLS)),
    (MtlsMode.PERMISSIVE, "http"): (
        ChainKind(http=True, mtls=True, transport=TLS, protocols=MESH_ANY),
        ChainKind(http=True, transport=RAW),
    ),
    (MtlsMode.PERMISSIVE, "tcp"): (
        ChainKind(http=False, mtls=True, transport=TLS, protocols=MESH_ANY),
        _OWN_TLS,
        _RAW_TCP,
    ),
    (MtlsMode.PERMISSIVE, "auto"): (_HTTP_OVER_MTLS, _SNIFFED_HTTP, _TCP_OVER_MTLS, _RAW_TCP, _OWN_TLS),
    (MtlsMode.DISABLE, "http"): (ChainKind(http=True),),
    (MtlsMode.DISABLE, "tcp"): (ChainKind(http=False),),
    (MtlsMode.DISABLE, "auto"): (_SNIFFED_HTTP, ChainKind(http=False)),
}


def chain_kinds(mode: MtlsMode, *, http: bool, auto: bool) -> tuple[ChainKind, ...]:
    return CHAINS[(mode, "http" if http else "auto" if auto else "tcp")]
