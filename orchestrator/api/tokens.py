"""ServiceAccount tokens: signed by us, bound to a pod, good for named audiences; TokenRequest and TokenReview."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization

from mesh.kube.errors import ApiError
from mesh.kube.objects import Object
from orchestrator.api.call import AUTHENTICATED, Call, User
from orchestrator.api.errors import Cause, conflict, invalid_object, not_found
from orchestrator.api.metadata import timestamp
from orchestrator.api.resources import Resources
from orchestrator.store.base import StoreKey

ISSUER = "https://kubernetes.default.svc.cluster.local"
ALGORITHM = "ES256"
EXPIRATION_DEFAULT_S = 3600
EXPIRATION_MIN_S = 600
EXPIRATION_MAX_S = 86_400
TOKEN_LENGTH_MAX = 16_384
SERVICE_ACCOUNTS = "/serviceaccounts"
PODS = "/pods"


class TokenError(ValueError):
    """The token is not ours, not valid any more, or for somebody else."""


class ServiceAccountTokens:
    """`now` gives seconds since the epoch."""

    def __init__(self, signing_key: bytes, resources: Resources, *, now: Callable[[], float] = time.time) -> None:
        key = serialization.load_pem_private_key(signing_key, None)
        self._private: Any = key
        self._public: Any = key.public_key()
        self._resources = resources
        self._now = now

    async def request(self, call: Call, service_account: Object, request: Object) -> Object:
        """Answer a TokenRequest for `service_account`; the default audience is the API server itself."""
        spec: dict[str, Any] = dict(request.get("spec") or {})
        audiences = spec.get("audiences") or [ISSUER]
        expiration_s = spec.get("expirationSeconds") or EXPIRATION_DEFAULT_S
        if expiration_s < EXPIRATION_MIN_S:
            message = f"Invalid value: {expiration_s}: may not specify a duration less than 10 minutes"
            cause = Cause("FieldValueInvalid", "spec.expirationSeconds", message)
            raise invalid_object(call.kind, call.name, [cause])
        expiration_s = min(expiration_s, EXPIRATION_MAX_S)
        claims: dict[str, Any] = {
            "namespace": call.namespace,
            "serviceaccount": {"name": call.name, "uid": service_account["metadata"]["uid"]},
        }
        if bound := spec.get("boundObjectRef"):
            claims.update(await self._bound(call, bound))
        now = int(self._now())
        token = jwt.encode(
            {
                "aud": audiences,
                "exp": now + expiration_s,
                "iat": now,
                "nbf": now,
                "iss": ISSUER,
                "jti": str(uuid.uuid4()),
                "kubernetes.io": claims,
                "sub": f"system:serviceaccount:{call.namespace}:{call.name}",
            },
            self._private,
            algorithm=ALGORITHM,
        )
        expires = timestamp(datetime.fromtimestamp(now + expiration_s, UTC))
        return {
            "kind": "TokenRequest",
            "apiVersion": "authentication.k8s.io/v1",
            "metadata": {"name": call.name, "namespace": call.namespace, "creationTimestamp": timestamp()},
            "spec": {**spec, "audiences": audiences, "expirationSeconds": expiration_s},
            "status": {"token": token, "expirationTimestamp": expires},
        }

    async def _bound(self, call: Call, bound: dict[str, Any]) -> dict[str, Any]:
        pods = self._resources.registry.gvk("v1", "Pod")
        if bound.get("kind") != "Pod" or pods is None:
            message = f'Unsupported value: "{bound.get("kind")}": supported values: "Pod"'
            cause = Cause("FieldValueNotSupported", "spec.boundObjectRef.kind", message)
            raise invalid_object(call.kind, call.name, [cause])
        name = bound.get("name") or ""
        record = await self._resources.store.get(StoreKey(PODS, call.namespace, name))
        if record is None:
            raise not_found(pods, name)
        pod = record.object()
        if bound.get("uid") and bound["uid"] != pod["metadata"]["uid"]:
            raise conflict(pods, name, "the UID in the bound object reference does not match the UID in record")
        if (pod.get("spec") or {}).get("serviceAccountName", "default") != call.name:
            message = f"Invalid value: {name!r}: cannot bind token for serviceaccount {call.name!r} to pod"
            cause = Cause("FieldValueInvalid", "spec.boundObjectRef", message)
            raise invalid_object(call.kind, call.name, [cause])
        claims: dict[str, Any] = {"pod": {"name": name, "uid": pod["metadata"]["uid"]}}
        if node := (pod.get("spec") or {}).get("nodeName"):
            claims["node"] = {"name": node}
        return claims

    async def authenticate(self, token: str, audiences: list[str] | None = None) -> tuple[User, list[str]]:
        """Who the token is, and which of `audiences` it is for (default: the API server); else `TokenError`."""
        wanted = audiences or [ISSUER]
        if len(token) > TOKEN_LENGTH_MAX:
            raise TokenError("token is too long")
        try:
            claims = jwt.decode(
                token,
                self._public,
                algorithms=[ALGORITHM],
                issuer=ISSUER,
                audience=wanted,
                options={"require": ["exp", "iat", "nbf", "sub", "aud"]},
            )
        except jwt.InvalidTokenError as problem:
            raise TokenError(str(problem)) from problem
        granted = [audience for audience in wanted if audience in _list(claims["aud"])]
        return await self._user(claims), granted

    async def _user(self, claims: dict[str, Any]) -> User:
        own = claims.get("kubernetes.io") or {}
        namespace, account = own.get("namespace") or "", own.get("serviceaccount") or {}
        name = account.get("name") or ""
        await self._check_exists(SERVICE_ACCOUNTS, namespace, account, "service account")
        extra = {"authentication.kubernetes.io/credential-id": [f"JTI={claims.get('jti')}"]}
        if pod := own.get("pod"):
            await self._check_exists(PODS, namespace, pod, "pod")
            extra["authentication.kubernetes.io/pod-name"] = [pod["name"]]
            extra["authentication.kubernetes.io/pod-uid"] = [pod["uid"]]
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", AUTHENTICATED)
        return User(f"system:serviceaccount:{namespace}:{name}", account.get("uid") or "", groups, extra)

    async def _check_exists(self, resource: str, namespace: str, reference: dict[str, Any], what: str) -> None:
        """A token dies with the objects it is bound to; a new object of the same name is another."""
        record = await self._resources.store.get(StoreKey(resource, namespace, reference.get("name") or ""))
        if record is None or record.object()["metadata"].get("uid") != reference.get("uid"):
            raise TokenError(f"{what} {namespace}/{reference.get('name')} does not exist any more")

    async def review(self, review: Object) -> Object:
        """Answer a TokenReview: authenticated or not, and why not; never a failure."""
        spec: dict[str, Any] = review.get("spec") or {}
        try:
            user, audiences = await self.authenticate(spec.get("token") or "", spec.get("audiences") or None)
            status: dict[str, Any] = {"authenticated": True, "user": user.to_api(), "audiences": audiences}
        except (TokenError, ApiError) as problem:
            status = {"authenticated": False, "error": f"invalid bearer token: {problem}"}
        return {
            "kind": "TokenReview",
            "apiVersion": "authentication.k8s.io/v1",
            "metadata": {},
            "spec": spec,
            "status": status,
        }


def _list(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]
