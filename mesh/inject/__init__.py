"""Sidecar injection: which pods get a proxy, and what is added to them.

policy    Istio's rules: labels and annotations of namespace and pod
template  the proxy's container and volumes (also used for the gateway)
pod       pod -> pod with a proxy; pure and idempotent
webhook   the same as a JSON patch in an AdmissionReview
"""
