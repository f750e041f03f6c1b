"""The data plane: a proxy configured by a documented subset of Envoy's v3 resources."""
