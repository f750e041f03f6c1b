"""The analyzers by name, and one pass of all or some of them."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Collection, Iterable

from mesh.analysis import (
    destination_rules,
    gateways,
    injection,
    istio_annotations,
    platform,
    policies,
    schema,
    services,
    virtual_services,
)  # fmt: skip
from mesh.analysis.messages import LEVELS
from mesh.analysis.model import Finding, Findings, World
from mesh.istio.values import text

SUPPRESS = "galley.istio.io/analyze-suppress"

ANALYZERS: dict[str, Callable[[World], Findings]] = {
    "annotations.K8sAnalyzer": istio_annotations.analyze_annotations,
    "authn.BlockedCIDRsAnalyzer": policies.analyze_jwks,
    "authz.AuthorizationPoliciesAnalyzer": policies.analyze_authorization,
    "deployment.ApplicationUIDAnalyzer": services.analyze_user_ids,
    "deployment.ServiceAssociationAnalyzer": services.analyze_deployments,
    "destinationrule.CaCertificateAnalyzer": destination_rules.analyze_certificates,
    "destinationrule.PodNotSelectedAnalyzer": destination_rules.analyze_subset_pods,
    "envoyfilter.EnvoyPatchAnalyzer": platform.analyze_envoy_filters,
    "externalcontrolplane.ExternalControlPlaneAnalyzer": platform.analyze_external_control_plane,
    "gateway.CertificateAnalyzer": gateways.analyze_certificates,
    "gateway.ConflictingGatewayAnalyzer": gateways.analyze_conflicts,
    "gateway.IngressGatewayPortAnalyzer": gateways.analyze_ports,
    "gateway.SecretAnalyzer": gateways.analyze_secrets,
    "injection.Analyzer": injection.analyze_injection,
    "injection.ImageAnalyzer": injection.analyze_proxy_images,
    "injection.ImageAutoAnalyzer": injection.analyze_image_auto,
    "k8sgateway.CRDVersionAnalyzer": platform.analyze_definitions,
    "k8sgateway.SelectorAnalyzer": policies.analyze_gateway_selectors,
    "schema.ValidationAnalyzer": schema.analyze_schema,
    "service.PortNameAnalyzer": services.analyze_port_names,
    "serviceentry.ConflictingServiceEntryProtocolAnalyzer": destination_rules.analyze_protocols,
    "serviceentry.ProtocolAddressesAnalyzer": destination_rules.analyze_addresses,
    "sidecar.SelectorAnalyzer": policies.analyze_sidecars,
    "telemetry.ProviderAnalyzer": policies.analyze_telemetry_providers,
    "telemetry.SelectorAnalyzer": policies.analyze_telemetries,
    "virtualservice.ConflictingMeshGatewayHostsAnalyzer": virtual_services.analyze_mesh_hosts,
    "virtualservice.DestinationHostAnalyzer": virtual_services.analyze_destinations,
    "virtualservice.DestinationRuleAnalyzer": virtual_services.analyze_subsets,
    "virtualservice.GatewayAnalyzer": virtual_services.analyze_gateways,
    "virtualservice.JWTClaimRouteAnalyzer": virtual_services.analyze_claims,
    "webhook.Analyzer": platform.analyze_webhooks,
}


def analyze(world: World, names: Iterable[str] = (), suppress: Collection[str] = ()) -> list[Finding]:
    """Errors first, then by place. `suppress` are `CODE=KIND NAME[.NAMESPACE]` with `*`, or a bare code."""
    chosen = [ANALYZERS[name] for name in (names or ANALYZERS)]
    found = {
        (one.code, one.resource.label, one.path, one.message): one for analyzer in chosen for one in analyzer(world)
    }
    kept = [one for one in found.values() if not _suppressed(one, suppress)]
    return sorted(kept, key=_order)


def _order(one: Finding) -> tuple[int, str, int, str]:
    document = one.resource.document
    return -LEVELS.index(one.level), document.file, document.line_of(one.path), one.code


def _suppressed(one: Finding, patterns: Collection[str]) -> bool:
    codes = [code.strip() for code in text(one.resource.annotations.get(SUPPRESS)).split(",")]
    if "*" in codes or one.code in codes:
        return True
    names = (
        f"{one.resource.kind} {one.resource.name}",
        f"{one.resource.kind} {one.resource.name}.{one.resource.namespace}",
    )
    for pattern in patterns:
        code, _, which = pattern.partition("=")
        if code == one.code and (not which or any(fnmatch.fnmatchcase(name, which) for name in names)):
            return True
    return False
