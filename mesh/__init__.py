"""The control plane: reads Kubernetes and Istio objects, compiles them to Envoy's v3 resources, distributes them."""
