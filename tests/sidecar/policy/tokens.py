"""Signing keys and tokens for tests: made once, by the real algorithms."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

SECRET = b"a secret that both sides know"
CURVES = {
    "256": (ec.SECP256R1(), "P-256", 32),
    "384": (ec.SECP384R1(), "P-384", 48),
    "512": (ec.SECP521R1(), "P-521", 66),
}
HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
FAR = 4_000_000_000


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value: int, size: int = 0) -> str:
    return b64(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


@cache
def private(kind: str) -> Any:
    if kind == "RSA":
        return rsa.generate_private_key(65537, 2048)
    if kind == "OKP":
        return Ed25519PrivateKey.generate()
    return ec.generate_private_key(CURVES[kind][0])


def jwk(algorithm: str, **fields: Any) -> dict[str, Any]:
    """The public half for an algorithm."""
    if algorithm.startswith("HS"):
        return {"kty": "oct", "k": b64(SECRET), **fields}
    if algorithm == "EdDSA":
        return {"kty": "OKP", "crv": "Ed25519", "x": b64(private("OKP").public_key().public_bytes_raw()), **fields}
    if algorithm.startswith("ES"):
        numbers, (_, crv, size) = private(algorithm[2:]).public_key().public_numbers(), CURVES[algorithm[2:]]
        return {"kty": "EC", "crv": crv, "x": number(numbers.x, size), "y": number(numbers.y, size), **fields}
    numbers = private("RSA").public_key().public_numbers()
    return {"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e), **fields}


def jwks(*keys: dict[str, Any]) -> str:
    return json.dumps({"keys": list(keys)})


def signature(alg: str, signed: bytes) -> bytes:
    if alg.startswith("HS"):
        return hmac.digest(SECRET, signed, getattr(hashlib, f"sha{alg[2:]}"))
    if alg == "EdDSA":
        return bytes(private("OKP").sign(signed))
    digest = HASHES[alg[2:]]
    if alg.startswith("ES"):
        r, s = decode_dss_signature(private(alg[2:]).sign(signed, ec.ECDSA(digest)))
        size = CURVES[alg[2:]][2]
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")
    pss = padding.PSS(padding.MGF1(digest), digest.digest_size)
    return bytes(private("RSA").sign(signed, pss if alg.startswith("PS") else padding.PKCS1v15(), digest))


def token(alg: str = "RS256", header: dict[str, Any] | None = None, **claims: Any) -> str:
    payload = {"iss": "me", "sub": "you", "exp": FAR, **claims}
    parts = (json.dumps({"alg": alg, "typ": "JWT", **(header or {})}), json.dumps(payload))
    signed = ".".join(b64(part.encode()) for part in parts)
    return f"{signed}.{b64(signature(alg, signed.encode()))}"
