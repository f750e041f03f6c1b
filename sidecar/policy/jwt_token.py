"""A JSON Web Token taken apart and checked for shape (RFC 7519, RFC 7515 compact form); failures in Envoy's words."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

OK = ""
MISSED = "Jwt is missing"
NOT_YET_VALID = "Jwt not yet valid"
EXPIRED = "Jwt is expired"
BAD_FORMAT = "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections"
BAD_ALG = "Jwt header [alg] field is required and must be a string"
UNKNOWN_ALG = "Jwt header [alg] is not supported"
BAD_KID = "Jwt header [kid] field is not a string"
BAD_AUD = "Jwt payload [aud] field is not a string or string list"
UNKNOWN_ISSUER = "Jwt issuer is not configured"
AUDIENCE_NOT_ALLOWED = "Audiences in Jwt are not allowed"
FAILED = "Jwt verification fails"
NO_VALID_KEYS = "Jwks doesn't have any valid public key"
NO_MATCHING_KEY = "Jwks doesn't have key to match kid or alg from Jwt"

ALGORITHMS = frozenset(f"{kind}{bits}" for kind in ("RS", "PS", "ES", "HS") for bits in (256, 384, 512)) | {"EdDSA"}
_SECTION = re.compile(rb"[A-Za-z0-9_-]+={0,2}")


class Token(NamedTuple):
    signed: bytes
    """Header and payload with their dot, as they came."""
    payload_section: bytes
    signature: bytes
    alg: str
    kid: str
    payload: Mapping[str, Any]
    issuer: str
    audiences: tuple[str, ...]
    not_before_s: int
    expires_s: int
    """0 = never."""

    def in_time(self, now_s: float, skew_s: int) -> str:
        if self.not_before_s > now_s + skew_s:
            return NOT_YET_VALID
        return EXPIRED if self.expires_s and now_s > self.expires_s + skew_s else OK


def parse_token(raw: bytes) -> Token | str:
    """The token, or why it is none."""
    sections = raw.split(b".")
    if len(sections) != 3 or not all(sections):
        return BAD_FORMAT
    header = _object(sections[0], "Jwt header")
    if isinstance(header, str):
        return header
    alg, kid = header.get("alg"), header.get("kid", "")
    if not isinstance(alg, str):
        return BAD_ALG
    if alg not in ALGORITHMS:
        return UNKNOWN_ALG
    if not isinstance(kid, str):
        return BAD_KID
    payload = _object(sections[1], "Jwt payload")
    if isinstance(payload, str):
        return payload
    problem = _problem(payload)
    if problem:
        return problem
    audiences = payload.get("aud", ())
    signature = decoded(sections[2])
    if signature is None:
        return "Jwt signature is an invalid Base64url encoded"
    return Token(
        signed=b"%s.%s" % (sections[0], sections[1]),
        payload_section=sections[1],
        signature=signature,
        alg=alg,
        kid=kid,
        payload=payload,
        issuer=payload.get("iss", ""),
        audiences=(audiences,) if isinstance(audiences, str) else tuple(audiences),
        not_before_s=int(payload.get("nbf", 0)),
        expires_s=int(payload.get("exp", 0)),
    )


def _problem(payload: Mapping[str, Any]) -> str:
    for name in ("iss", "sub"):
        if not isinstance(payload.get(name, ""), str):
            return f"Jwt payload [{name}] field is not a string"
    for name in ("iat", "nbf", "exp"):
        value = payload.get(name, 0)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return f"Jwt payload [{name}] field is not an integer"
        if not 0 <= value < 2**63:
            return f"Jwt payload [{name}] field is not a positive 64 bit integer"
    if not isinstance(payload.get("jti", ""), str):
        return "Jwt payload [jti] field is not a string"
    audiences = payload.get("aud", ())
    if isinstance(audiences, str):
        return OK
    texts = isinstance(audiences, list | tuple) and all(isinstance(one, str) for one in audiences)
    return OK if texts else BAD_AUD


def _object(section: bytes, what: str) -> Mapping[str, Any] | str:
    data = decoded(section)
    if data is None:
        return f"{what} is an invalid Base64url encoded"
    try:
        found = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return f"{what} is an invalid JSON"
    return found if isinstance(found, dict) else f"{what} is an invalid JSON"


def decoded(section: bytes) -> bytes | None:
    """base64url with or without padding; None = it is none."""
    if not _SECTION.fullmatch(section):
        return None
    bare = section.rstrip(b"=")
    if len(bare) % 4 == 1:
        return None
    return base64.urlsafe_b64decode(bare + b"=" * (-len(bare) % 4))
