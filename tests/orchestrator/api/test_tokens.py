"""ServiceAccount tokens: what they are good for, and when they stop being it."""

from __future__ import annotations

import jwt
import pytest

from mesh.kube.errors import ApiError
from mesh.kube.kinds import POD, SERVICE_ACCOUNT, TOKEN_REVIEW
from mesh.kube.objects import Object
from orchestrator.api.local import LocalClient
from orchestrator.api.server import ApiServer
from orchestrator.api.tokens import ISSUER, ServiceAccountTokens, TokenError
from tests.support.api_objects import pod


async def issue(local: LocalClient, **spec: object) -> str:
    made = await local.create(SERVICE_ACCOUNT, {"spec": spec}, "default", name="default", subresource="token")
    return str(made["status"]["token"])


async def review(local: LocalClient, token: str, *audiences: str) -> Object:
    answer = await local.create(TOKEN_REVIEW, {"spec": {"token": token, "audiences": list(audiences)}})
    status: Object = answer["status"]
    return status


async def test_bound_to_a_pod_and_an_audience(local: LocalClient) -> None:
    created = await local.create(POD, pod("p", nodeName="n"), "default")
    bound = {"kind": "Pod", "name": "p", "uid": created["metadata"]["uid"]}
    token = await issue(local, audiences=["istio-ca"], boundObjectRef=bound)
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["aud"] == ["istio-ca"]
    assert claims["kubernetes.io"]["pod"]["name"] == "p"
    assert claims["kubernetes.io"]["node"] == {"name": "n"}
    found = await review(local, token, "istio-ca", "other")
    assert found["authenticated"] is True
    assert found["audiences"] == ["istio-ca"]
    assert found["user"]["username"] == "system:serviceaccount:default:default"
    assert "system:serviceaccounts:default" in found["user"]["groups"]
    assert (await review(local, token))["authenticated"] is False
    assert (await review(local, token, "other"))["authenticated"] is False
    await local.delete(POD, "p", "default", grace_period_s=0)
    assert "does not exist any more" in (await review(local, token, "istio-ca"))["error"]


async def test_a_new_account_of_the_same_name_is_another(local: LocalClient) -> None:
    await local.create(SERVICE_ACCOUNT, {"metadata": {"name": "robot"}}, "default")
    made = await local.create(SERVICE_ACCOUNT, {}, "default", name="robot", subresource="token")
    token = made["status"]["token"]
    assert (await review(local, token))["authenticated"] is True
    await local.delete(SERVICE_ACCOUNT, "robot", "default")
    await local.create(SERVICE_ACCOUNT, {"metadata": {"name": "robot"}}, "default")
    assert (await review(local, token))["authenticated"] is False


async def test_expired(server: ApiServer) -> None:
    yesterday = ServiceAccountTokens(server.pki.signing_key, server.resources, now=lambda: 1_700_000_000.0)
    from orchestrator.api.call import INTERNAL, Call

    call = Call(INTERNAL, SERVICE_ACCOUNT, "default", "default")
    made = await yesterday.request(call, await server.resources.get(call), {})
    with pytest.raises(TokenError):
        await server.tokens.authenticate(made["status"]["token"])


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
async def test_forged(server: ApiServer, algorithm: str) -> None:
    claims = {"iss": ISSUER, "aud": [ISSUER], "sub": "x", "exp": 4_000_000_000, "iat": 1, "nbf": 1}
    token = jwt.encode(claims, "k" * 64 if algorithm == "HS256" else None, algorithm=algorithm)
    with pytest.raises(TokenError):
        await server.tokens.authenticate(token)
    with pytest.raises(TokenError):
        await server.tokens.authenticate("x" * 20_000)


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        ({"expirationSeconds": 5}, 422),
        ({"boundObjectRef": {"kind": "Pod", "name": "nope"}}, 404),
        ({"boundObjectRef": {"kind": "Node", "name": "n"}}, 422),
        ({"boundObjectRef": {"kind": "Pod", "name": "p", "uid": "other"}}, 409),
        ({"boundObjectRef": {"kind": "Pod", "name": "stranger"}}, 422),
    ],
)
async def test_refused(local: LocalClient, spec: dict[str, object], code: int) -> None:
    await local.create(SERVICE_ACCOUNT, {"metadata": {"name": "robot"}}, "default")
    await local.create(POD, pod("p"), "default")
    await local.create(POD, pod("stranger", serviceAccountName="robot"), "default")
    with pytest.raises(ApiError) as failure:
        await issue(local, **spec)
    assert failure.value.code == code
