"""Gateway: servers, their ports and hosts, and exactly one source of certificates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mesh.istio.check_values import check_labels, host_problem, is_ip
from mesh.istio.findings import Findings
from mesh.istio.gateway import HTTP_PROTOCOLS
from mesh.istio.values import integer, items, mapping, text

Spec = Mapping[str, Any]
PROTOCOLS = HTTP_PROTOCOLS | {"HTTPS", "TLS", "TCP", "MONGO"}
MODES = frozenset({"PASSTHROUGH", "SIMPLE", "MUTUAL", "AUTO_PASSTHROUGH", "ISTIO_MUTUAL", "OPTIONAL_MUTUAL"})
CERTIFICATES_MAX = 2
"""One RSA and one ECDSA certificate for one name."""

CIPHER_SUITES = frozenset({
    "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-RSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES128-SHA", "ECDHE-RSA-AES128-SHA", "AES128-GCM-SHA256", "AES128-SHA",
    "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES256-SHA", "ECDHE-RSA-AES256-SHA",
    "AES256-GCM-SHA384", "AES256-SHA", "DES-CBC3-SHA", "ECDHE-ECDSA-AES128-SHA256", "ECDHE-RSA-AES128-SHA256",
})  # fmt: skip


def validate_gateway(found: Findings, spec: Spec, namespace: str) -> None:
    del namespace
    found.require(items(spec.get("servers")), "gateway must have at least one server", "servers")
    check_labels(found, spec.get("selector"), "selector")
    names: set[str] = set()
    for at, entry in found.each("servers", spec.get("servers")):
        server = mapping(entry)
        name = text(mapping(server.get("port")).get("name"))
        if name:
            at.require(name not in names, f"port names in servers must be unique: duplicate name {name}", "port.name")
        names.add(name)
        _check_server(at, server)


def _check_server(found: Findings, server: Spec) -> None:
    found.require(items(server.get("hosts")), "server config must contain at least one host", "hosts")
    for at, host in found.each("hosts", server.get("hosts")):
        _check_host(at, text(host))
    port, bind = mapping(server.get("port")), text(server.get("bind"))
    if not port:
        found.error("port is required", "port")
        return
    _check_port(found, port, bind)
    if bind and not bind.startswith("unix:") and not is_ip(bind):
        found.error(f"{bind} is not a valid IP", "bind")
    protocol = text(port.get("protocol")).upper()
    tls = mapping(server.get("tls"))
    if protocol in ("HTTPS", "TLS") and not tls:
        found.error(f"server must have TLS settings for {protocol} protocols", "tls")
    if protocol in HTTP_PROTOCOLS and set(tls) - {"httpsRedirect"} and text(tls.get("mode")):
        found.error(f"server cannot have TLS settings for plain text {protocol} ports", "tls")
    if tls.get("httpsRedirect") and protocol not in HTTP_PROTOCOLS:
        found.warn("httpsRedirect only has an effect on a plain HTTP port", "tls.httpsRedirect")
    if protocol not in HTTP_PROTOCOLS:
        _check_tls(found.at("tls"), tls)


def _check_host(found: Findings, host: str) -> None:
    namespace, slash, name = host.rpartition("/")
    if slash and (
        not namespace or namespace == "~" or (namespace not in ("*", ".") and host_problem(namespace, wildcard=False))
    ):
        found.error(f"invalid namespace value {namespace!r} in gateway server host {host!r}")
    if name == "*":
        return
    problem = host_problem(name, wildcard=True)
    if problem:
        found.error(problem)
    elif "." not in name:
        found.error(f"short names (non FQDN) are not allowed: {name!r}")


def _check_port(found: Findings, port: Spec, bind: str) -> None:
    number = integer(port.get("number"))
    if bind.startswith("unix:"):
        found.require(number == 0, f"port number must be 0 for unix domain socket: {bind}", "port.number")
    elif not 1 <= number <= 65535:
        found.error(f"port number {number} must be in the range 1..65535", "port.number")
    found.require(port.get("name"), "port name must be set", "port.name")
    protocol = text(port.get("protocol")).upper()
    found.require(protocol in PROTOCOLS, f"invalid protocol {protocol!r}", "port.protocol")


def _check_tls(found: Findings, tls: Spec) -> None:
    if not tls:
        return
    mode = text(tls.get("mode")) or "PASSTHROUGH"
    found.require(mode in MODES, f"unsupported TLS mode {mode!r}", "mode")
    suites = [text(suite) for suite in items(tls.get("cipherSuites"))]
    for index, suite in enumerate(suites):
        if suite not in CIPHER_SUITES:
            found.warn(f"ignoring invalid cipher suite {suite!r}", f"cipherSuites[{index}]")
        elif suite in suites[:index]:
            found.warn(f"ignoring duplicate cipher suite {suite!r}", f"cipherSuites[{index}]")
    if mode == "ISTIO_MUTUAL":
        for key, word in (("serverCertificate", "server certificate"), ("privateKey", "private key"),
                          ("caCertificates", "CA bundle"), ("credentialName", "credentialName")):  # fmt: skip
            found.require(not tls.get(key), f"ISTIO_MUTUAL TLS cannot have associated {word}", key)
    elif mode in ("SIMPLE", "MUTUAL", "OPTIONAL_MUTUAL"):
        _check_certificates(found, tls, mode)


def _check_certificates(found: Findings, tls: Spec, mode: str) -> None:
    credentials = [key for key in ("credentialName", "credentialNames") if tls.get(key)]
    pairs = items(tls.get("tlsCertificates"))
    sources = len(credentials) + bool(pairs) + bool(tls.get("serverCertificate"))
    if sources > 1:
        found.error("only one of credential_name, credential_names, tls_certificates or server_certificate can be set")
        return
    if len(pairs) > CERTIFICATES_MAX:
        found.warn(f"more than {CERTIFICATES_MAX} certificates: only the first ones are used", "tlsCertificates")
    if credentials:
        return
    written = [(found.at(f"tlsCertificates[{at}]"), mapping(pair)) for at, pair in enumerate(pairs)] or [(found, tls)]
    for at, pair in written:
        at.require(pair.get("serverCertificate"), f"{mode} TLS requires a server certificate", "serverCertificate")
        at.require(pair.get("privateKey"), f"{mode} TLS requires a private key", "privateKey")
    if mode != "SIMPLE":
        found.require(tls.get("caCertificates"), f"{mode} TLS requires a client CA bundle", "caCertificates")
