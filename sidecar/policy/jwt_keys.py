"""A JSON Web Key Set (RFC 7517, 7518, 8037) and signatures checked by it.

`cryptography` is loaded when the first key set is read: a sidecar without a jwt_authn filter never pays its 18 MB.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from sidecar.policy.jwt_token import FAILED, NO_MATCHING_KEY, NO_VALID_KEYS, OK, Token, decoded

KEYS_MAX = 100
"""Of one set; the rest is not looked at."""
CURVES = {"P-256": (256, 32), "P-384": (384, 48), "P-521": (512, 66)}
"""crv -> (bits in the name of the algorithm, bytes of each half of a signature)."""
Verify = Callable[[str, bytes, bytes], bool]
"""(algorithm, signed, signature)."""


class Key(NamedTuple):
    kid: str
    alg: str
    """"" = any that its kind can."""
    verify: Verify


class KeySet:
    __slots__ = ("keys",)

    def __init__(self, document: bytes) -> None:
        """Keys that cannot be used are left out, as Envoy does; without any left every token is refused."""
        self.keys: tuple[Key, ...] = ()
        try:
            found = msgspec.json.decode(document)
        except (msgspec.DecodeError, RecursionError):
            return
        listed = found.get("keys") if isinstance(found, dict) else None
        if isinstance(listed, list):
            self.keys = tuple(key for one in listed[:KEYS_MAX] if (key := _key(one)) is not None)

    def verify(self, token: Token) -> str:
        if not self.keys:
            return NO_VALID_KEYS
        status = NO_MATCHING_KEY
        for key in self.keys:
            if token.kid and key.kid and key.kid != token.kid:
                continue
            if key.alg and key.alg != token.alg:
                continue
            status = FAILED
            if key.verify(token.alg, token.signed, token.signature):
                return OK
        return status


def _key(value: Any) -> Key | None:
    if not isinstance(value, dict):
        return None
    make = _KINDS.get(str(value.get("kty")))
    try:
        verify = make(value) if make is not None else None
    except ValueError:  # numbers that are no key
        return None
    return Key(str(value.get("kid", "")), str(value.get("alg", "")), verify) if verify is not None else None


def _number(jwk: Mapping[str, Any], name: str) -> int:
    return int.from_bytes(_bytes(jwk, name), "big")


def _bytes(jwk: Mapping[str, Any], name: str) -> bytes:
    data = decoded(str(jwk.get(name, "")).encode())
    if data is None:
        raise ValueError(name)
    return data


def _rsa(jwk: Mapping[str, Any]) -> Verify:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    key = rsa.RSAPublicNumbers(_number(jwk, "e"), _number(jwk, "n")).public_key()
    digests = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}

    def verify(alg: str, signed: bytes, signature: bytes) -> bool:
        digest = digests.get(alg[2:])
        if digest is None or alg[:2] not in ("RS", "PS"):
            return False
        pss = padding.PSS(padding.MGF1(digest), digest.digest_size)
        try:
            key.verify(signature, signed, pss if alg[:2] == "PS" else padding.PKCS1v15(), digest)
        except InvalidSignature:
            return False
        return True

    return verify


def _ec(jwk: Mapping[str, Any]) -> Verify | None:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    curve = str(jwk.get("crv"))
    if curve not in CURVES:
        return None
    bits, half = CURVES[curve]
    kinds = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}
    digest = {256: hashes.SHA256(), 384: hashes.SHA384(), 512: hashes.SHA512()}[bits]
    key = ec.EllipticCurvePublicNumbers(_number(jwk, "x"), _number(jwk, "y"), kinds[curve]).public_key()

    def verify(alg: str, signed: bytes, signature: bytes) -> bool:
        if alg != f"ES{bits}" or len(signature) != 2 * half:
            return False
        r, s = (int.from_bytes(part, "big") for part in (signature[:half], signature[half:]))
        try:
            key.verify(encode_dss_signature(r, s), signed, ec.ECDSA(digest))
        except InvalidSignature:
            return False
        return True

    return verify


def _okp(jwk: Mapping[str, Any]) -> Verify | None:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    if jwk.get("crv") != "Ed25519":
        return None
    key = Ed25519PublicKey.from_public_bytes(_bytes(jwk, "x"))

    def verify(alg: str, signed: bytes, signature: bytes) -> bool:
        if alg != "EdDSA":
            return False
        try:
            key.verify(signature, signed)
        except InvalidSignature:
            return False
        return True

    return verify


def _oct(jwk: Mapping[str, Any]) -> Verify:
    secret = _bytes(jwk, "k")
    digests = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}

    def verify(alg: str, signed: bytes, signature: bytes) -> bool:
        digest = digests.get(alg)
        return digest is not None and hmac.compare_digest(hmac.digest(secret, signed, digest), signature)

    return verify


_KINDS: Mapping[str, Callable[[Mapping[str, Any]], Verify | None]] = {"RSA": _rsa, "EC": _ec, "OKP": _okp, "oct": _oct}
