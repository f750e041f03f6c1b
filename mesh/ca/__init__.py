"""The certificate authority: one root, SPIFFE identities, short-lived certificates.

identity    spiffe://<trust domain>/ns/<namespace>/sa/<service account>
authority   signs: the only place that touches the root key
storage     the root's home is Secret istio-system/istio-ca-secret
publisher   the root certificate in ConfigMap istio-ca-root-cert of every namespace
reviewer    asks the API server whose token this is (TokenReview)
service     CreateCertificate: who may have which certificate
server_tls  the control plane's own certificate and TLS context
"""
