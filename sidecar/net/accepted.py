"""What is known of an accepted connection: who, to where, by which listener, and what TLS proved."""

from __future__ import annotations

from sidecar.net.addresses import UNKNOWN, Endpoint
from sidecar.net.san import NO_PEER, PeerNames


class Accepted:
    __slots__ = (
        "alpn",
        "direct_remote",
        "direct_text",
        "facts",
        "id",
        "listener",
        "local",
        "local_text",
        "local_uri",
        "names",
        "original",
        "protocols",
        "remote",
        "remote_text",
        "server_name",
        "tls",
        "tls_version",
        "transport",
    )

    def __init__(self, identifier: int, listener: str, remote: Endpoint, local: Endpoint) -> None:
        self.id = identifier
        self.listener = listener
        self.remote = remote
        """The client: from the PROXY header if there was one."""
        self.direct_remote = remote
        self.local = local
        """Where the client wanted to go: original destination, PROXY header, or our own address."""
        self.original: Endpoint | None = None
        """The destination for ORIGINAL_DST clusters; None = the connection was made to us."""
        self.server_name = ""
        self.protocols: tuple[str, ...] = ()
        self.transport = "raw_buffer"
        self.tls = False
        self.tls_version = ""
        self.alpn = ""
        self.names: PeerNames = NO_PEER
        self.local_uri = ""
        self.facts = -1
        """The same number = requests of the same bytes look the same; -1 = this connection is like no other."""
        self.remote_text = self.direct_text = str(remote)
        self.local_text = str(local)

    def redirect(self, remote: Endpoint, local: Endpoint) -> None:
        """A PROXY header or the original destination said better."""
        if remote is not UNKNOWN:
            self.remote = remote
            self.remote_text = str(remote)
        if local is not UNKNOWN:
            self.local = self.original = local
            self.local_text = str(local)
