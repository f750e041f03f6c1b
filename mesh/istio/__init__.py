"""Istio's configuration: normalised frozen views of the objects people write, and what is wrong with them.

Pure: objects come in as decoded JSON, views and messages go out. Nothing here knows Envoy.
"""
