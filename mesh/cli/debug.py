"""Questions to the control plane's debug endpoints, as istioctl asks istiod.

They are guarded by a token of the ServiceAccount `istio-system/mesh-cli` for the audience `istiod`; whoever may
create that token through the Kubernetes API may ask.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

from mesh.cli.api import api_failures
from mesh.cli.home import RunningMesh
from mesh.cli.output import Failure

AUDIENCE = "istiod"
SERVER_NAME = "istiod.istio-system.svc"
TOKEN_LIFE_S = 600
ANSWER_TIMEOUT_S = 10.0


async def ask(state: RunningMesh, path: str, query: dict[str, str] | None = None) -> Any:
    """GET /debug/PATH: the JSON value; `Failure` when the API server or the control plane is not there or refuses."""
    import aiohttp

    with api_failures():
        token, root = await _credentials(state.kubeconfig)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=root)
    timeout = aiohttp.ClientTimeout(total=ANSWER_TIMEOUT_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(
                f"https://{state.xds}/debug/{path}",
                params=query or {},
                headers={"Authorization": f"Bearer {token}"},
                ssl=context,
                server_hostname=SERVER_NAME,
            ) as answer,
        ):
            if answer.status != 200:
                raise Failure(f"the control plane refused: {answer.status} {await answer.text()}")
            return await answer.json(content_type=None)
    except (aiohttp.ClientError, TimeoutError) as failure:
        raise Failure(f"the control plane does not answer at {state.xds}: {failure}\nlook: mesh status") from failure


async def _credentials(kubeconfig: Path) -> tuple[str, str]:
    """A short token for the debug endpoints, and the root certificate that the control plane's own leads to."""
    from mesh.kube.http import HttpClient
    from mesh.kube.kinds import CONFIG_MAP, SERVICE_ACCOUNT

    client = HttpClient.from_kubeconfig(kubeconfig)
    try:
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"audiences": [AUDIENCE], "expirationSeconds": TOKEN_LIFE_S},
        }
        answer = await client.create(SERVICE_ACCOUNT, request, "istio-system", name="mesh-cli", subresource="token")
        root = await client.get(CONFIG_MAP, "istio-ca-root-cert", "istio-system")
    finally:
        await client.close()
    return answer["status"]["token"], root["data"]["root-cert.pem"]
