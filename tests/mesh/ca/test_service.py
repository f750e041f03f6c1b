"""CreateCertificate over real TLS, with real tokens: who gets which identity."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography import x509

from mesh.kube.kinds import (
    POD,
)

pytestmark = pytest.mark.integration

Cluster = Any
"""In conftest.py, which cannot be imported."""


async def test_an_identity_is_the_tokens_and_nobody_elses(cluster: Cluster) -> None:
    proxy = await cluster.proxy(await cluster.pod("a"))
    leaf = await proxy.identify()
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [one.value for one in names] == ["spiffe://cluster.local/ns/default/sa/default"]
    assert (await proxy.certify(uri="spiffe://cluster.local/ns/default/sa/default")).status == 200
    assert (await proxy.certify(uri="spiffe://cluster.local/ns/default/sa/other")).status == 403
    assert (await proxy.certify(validity_duration=10**9)).status == 400


async def test_short_lives_and_renewal_by_certificate(cluster: Cluster) -> None:
    proxy = await cluster.proxy(await cluster.pod("a"))
    await proxy.identify()
    await cluster.eventually(lambda: cluster.plane.source.has_pod_of("default", "default"))
    reply = await proxy.certify(anonymous=False, validity_duration=30)
    assert reply.status == 200, reply.describe()
    leaf = x509.load_pem_x509_certificate(json.loads(reply.body)["cert_chain"][0].encode())
    assert (leaf.not_valid_after_utc - leaf.not_valid_before_utc).total_seconds() == pytest.approx(150, abs=2)


async def test_wrong_tokens_get_nothing(cluster: Cluster) -> None:
    pod = await cluster.pod("a")
    assert (await (await cluster.proxy(pod, audience="other")).certify()).status == 401
    proxy = await cluster.proxy(pod)
    proxy.token = await cluster.token("default", "default", "istio-ca")  # not bound to a pod
    assert (await proxy.certify()).status == 403
    proxy.token = "x.y.z"
    assert (await proxy.certify()).status == 401
    proxy.token = ""
    assert (await proxy.certify()).status == 401


async def test_a_deleted_pods_token_and_certificate_get_nothing(cluster: Cluster) -> None:
    pod = await cluster.pod("a")
    proxy = await cluster.proxy(pod)
    await proxy.identify()
    await cluster.admin.delete(POD, "a", "default", grace_period_s=0)
    assert (await proxy.certify()).status == 401
    await cluster.eventually(lambda: not cluster.plane.source.has_pod_of("default", "default"))
    assert (await proxy.certify(anonymous=False)).status == 403
