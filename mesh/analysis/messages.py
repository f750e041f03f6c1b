"""Istio's analysis messages that this analyser knows: code -> name, level, sentence."""

from __future__ import annotations

LEVELS = ("Info", "Warning", "Error")

_TABLE = """
IST0002 Deprecated Warning Deprecated: {0}
IST0101 ReferencedResourceNotFound Error Referenced {0} not found: "{1}"
IST0102 NamespaceNotInjected Info The namespace is not enabled for injection: label it istio-injection=enabled, or disabled to say so
IST0103 PodMissingProxy Warning The pod has no proxy although its namespace is injected: restart it
IST0106 SchemaValidationError Error Schema validation error: {0}
IST0107 MisplacedAnnotation Warning Misplaced annotation: {0} can only be applied to {1}
IST0108 UnknownAnnotation Warning Unknown annotation: {0}
IST0109 ConflictingMeshGatewayVirtualServiceHosts Error The VirtualServices {0} define the same host {1} for the mesh: the oldest one counts, the others are ignored
IST0110 ConflictingSidecarWorkloadSelectors Error The Sidecars {0} select the same pod {1}: which one counts is undefined
IST0111 MultipleSidecarsWithoutWorkloadSelectors Error The Sidecars {0} have no workload selector: only the oldest of a namespace counts
IST0112 VirtualServiceDestinationPortSelectorRequired Error Destination {0} has several ports {1}: say which one
IST0116 DeploymentAssociatedToMultipleServices Warning Services {0} select this deployment with port {1} and different protocols
IST0118 PortNameIsNotUnderNamingConvention Info Port name {0} (port {1}) is not <protocol>[-suffix]: its protocol is found out from the first bytes
IST0122 InvalidRegexp Warning Field {0}: regular expression invalid: {1}
IST0123 NamespaceMultipleInjectionLabels Warning The namespace has several injection labels ({0}): keep one
IST0125 InvalidAnnotation Warning Invalid annotation {0}: {1}
IST0127 NoMatchingWorkloadsFound Warning No workloads match this resource with the labels {0}
IST0128 NoServerCertificateVerificationDestinationLevel Warning TLS mode {0} without caCertificates: the server's certificate is not verified
IST0129 NoServerCertificateVerificationPortLevel Warning TLS mode {0} at port {1} without caCertificates: the server's certificate is not verified
IST0130 VirtualServiceUnreachableRule Warning The rule is never used: {0}
IST0132 VirtualServiceHostNotFoundInGateway Warning None of the hosts {0} is served by gateway {1}
IST0133 SchemaWarning Warning Schema validation warning: {0}
IST0134 ServiceEntryAddressesRequired Warning Addresses are required for ports that serve TCP, or name no protocol
IST0135 DeprecatedAnnotation Info Annotation {0} has been deprecated
IST0137 DeploymentConflictingPorts Warning Services {0} select this deployment with targetPort {1} and different ports {2}
IST0138 GatewayDuplicateCertificate Warning Certificate {0} is served by several gateways {1}: clients that reuse HTTP/2 connections get 404
IST0139 InvalidWebhook Error {0}
IST0140 IngressRouteRulesNotAffected Warning Subset {0} has no effect on requests through gateway {1}
IST0144 InvalidApplicationUID Warning User id 1337 is the sidecar's own
IST0145 ConflictingGateways Error Conflicts with gateways {0}: same workload {1}, port {2} and hosts {3}
IST0146 ImageAutoWithoutInjectionWarning Warning {0} has `image: auto` and is not injected
IST0147 ImageAutoWithoutInjectionError Error {0} has `image: auto` and was not injected
IST0148 NamespaceInjectionEnabledByDefault Info The namespace is injected: enableNamespacesByDefault is set
IST0149 JwtClaimBasedRoutingWithoutRequestAuthN Error Routes by {0}, but no RequestAuthentication reads tokens on gateway {1} (pod {2})
IST0150 ExternalNameServiceTypeInvalidPortName Warning Port names of an ExternalName service must name a protocol
IST0151 EnvoyFilterUsesRelativeOperation Warning A relative patch operation without a priority may not be applied
IST0152 EnvoyFilterUsesReplaceOperationIncorrectly Error REPLACE is valid for HTTP_FILTER and NETWORK_FILTER only
IST0153 EnvoyFilterUsesAddOperationIncorrectly Error ADD is ignored for ROUTE_CONFIGURATION and HTTP_ROUTE
IST0154 EnvoyFilterUsesRemoveOperationIncorrectly Error REMOVE is ignored for ROUTE_CONFIGURATION and HTTP_ROUTE
IST0155 EnvoyFilterUsesRelativeOperationWithProxyVersion Warning A relative patch operation with proxyVersion and no priority may be lost in an upgrade
IST0157 InvalidTelemetryProvider Warning The Telemetry names no provider and the mesh has no default one: it is ignored
IST0158 PodsIstioProxyImageMismatchInNamespace Warning Pods {0} run another proxy image than the injector's: restart them
IST0159 ConflictingTelemetryWorkloadSelectors Error The Telemetries {0} select the same pod {1}: which one counts is undefined
IST0160 MultipleTelemetriesWithoutWorkloadSelectors Error The Telemetries {0} have no workload selector: which one counts is undefined
IST0161 InvalidGatewayCredential Error Secret {0} holds no usable certificate and key
IST0162 GatewayPortNotDefinedOnService Warning Port {0} is not exposed by any Service of the gateway's workload ({1})
IST0163 InvalidExternalControlPlaneConfig Warning Webhook {0} has no usable address: {1}
IST0164 ExternalControlPlaneAddressIsNotAHostname Info Webhook {0} is reached at an IP address ({1})
IST0165 ReferencedInternalGateway Warning Gateway {0} is internal: made from a Gateway API resource, it may change; attach an HTTPRoute instead
IST0166 IneffectiveSelector Warning The selector matches pods of the Kubernetes Gateway {0}: policies for it need targetRefs
IST0167 IneffectivePolicy Warning The policy has no effect: {0}
IST0173 DestinationRuleSubsetNotSelectPods Error Subset {0} selects no pods
IST0174 UnknownDestinationRuleHost Warning Host {0} is no service that is known
IST0175 JwksUriFetchUnrestricted Warning Keys are fetched from the addresses of RequestAuthentications, and BLOCKED_CIDRS_IN_JWKS_URIS keeps none of them out
IST0176 GatewayAPICRDVersionBelowMinimum Warning Version {0} of this definition is older than {1}
IST0177 ConflictingServiceEntryProtocol Warning The ServiceEntries {0} give {1}:{2} different protocols
"""  # noqa: E501  (one message a line)

MESSAGES: dict[str, tuple[str, str, str]] = {
    code: (name, level, sentence)
    for code, name, level, sentence in (line.split(" ", 3) for line in _TABLE.strip().splitlines())
}
