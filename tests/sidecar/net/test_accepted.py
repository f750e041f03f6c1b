"""What a PROXY header or a redirect changes of an accepted connection."""

from __future__ import annotations

from sidecar.net.accepted import Accepted
from sidecar.net.addresses import UNKNOWN, Endpoint


def test_redirect() -> None:
    accepted = Accepted(1, "l", Endpoint("10.0.0.1", 5), Endpoint("127.0.0.1", 15006))
    assert accepted.original is None
    accepted.redirect(UNKNOWN, Endpoint("10.244.0.2", 80))
    assert (accepted.remote_text, accepted.local_text) == ("10.0.0.1:5", "10.244.0.2:80")
    assert accepted.original == Endpoint("10.244.0.2", 80)
    accepted.redirect(Endpoint("10.9.9.9", 1), UNKNOWN)
    assert (accepted.remote_text, str(accepted.direct_remote)) == ("10.9.9.9:1", "10.0.0.1:5")
