"""Whose token is this? Only the API server can say (TokenReview): it knows its keys and what was deleted."""

from __future__ import annotations

from dataclasses import dataclass

from mesh.kube.client import Client
from mesh.kube.kinds import TOKEN_REVIEW

TOKEN_BYTES_MAX = 16 * 1024
POD_NAME = "authentication.kubernetes.io/pod-name"
POD_UID = "authentication.kubernetes.io/pod-uid"
BEARER = "Bearer "


@dataclass(frozen=True, slots=True)
class Reviewed:
    """The holder of a valid token; `pod_name` and `pod_uid` are empty for a token that is not bound to a pod."""

    username: str
    pod_name: str
    pod_uid: str


class TokenReviewer:
    def __init__(self, client: Client) -> None:
        self._client = client

    async def review(self, token: str, *, audience: str) -> Reviewed | None:
        """None = the token is not valid, or not for this audience."""
        if not token or len(token) > TOKEN_BYTES_MAX:
            return None
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token, "audiences": [audience]},
        }
        status = (await self._client.create(TOKEN_REVIEW, request)).get("status") or {}
        # A server that does not know audiences answers without them: then the token proves nothing to us.
        if status.get("authenticated") is not True or audience not in (status.get("audiences") or ()):
            return None
        user = status.get("user") or {}
        extra = user.get("extra") or {}
        return Reviewed(
            username=str(user.get("username") or ""),
            pod_name=_first(extra.get(POD_NAME)),
            pod_uid=_first(extra.get(POD_UID)),
        )


def bearer(header: str) -> str:
    """The token of an Authorization header, "" when there is none."""
    return header.removeprefix(BEARER).strip() if header.startswith(BEARER) else ""


def _first(values: object) -> str:
    return str(values[0]) if isinstance(values, list) and values else ""
