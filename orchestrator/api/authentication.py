"""Who is calling: a client certificate of our authority, or a bearer token. Nobody is anonymous."""

from __future__ import annotations

from typing import Any

from orchestrator.api.call import AUTHENTICATED, User
from orchestrator.api.errors import unauthorized
from orchestrator.api.tokens import ServiceAccountTokens, TokenError


def user_of_certificate(certificate: dict[str, Any] | None) -> User | None:
    """From `ssl.SSLSocket.getpeercert()`: common name is the user, organisations are groups.

    TLS verified the certificate already; servers' certificates have no client usage and never get here.
    """
    if not certificate:
        return None
    pairs = [pair for relative in certificate.get("subject", ()) for pair in relative]
    names = [value for key, value in pairs if key == "commonName"]
    groups = [value for key, value in pairs if key == "organizationName"]
    return User(names[-1], groups=(*groups, AUTHENTICATED)) if names else None


class Authenticator:
    def __init__(self, tokens: ServiceAccountTokens) -> None:
        self._tokens = tokens

    async def user(self, certificate: dict[str, Any] | None, authorization: str) -> User:
        """A token, if sent, decides alone: a bad one is refused even beside a good certificate."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() == "bearer":
            try:
                found, _ = await self._tokens.authenticate(token.strip())
            except TokenError as problem:
                raise unauthorized() from problem
            return found
        user = user_of_certificate(certificate)
        if user is None:
            raise unauthorized()
        return user
