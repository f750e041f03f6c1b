"""Spans from the proxies: kept for `mesh trace`, forwarded to an OTLP endpoint if one is set.

store     the last traces, assembled by trace id, bounded
spans     OTLP JSON -> the SDK's spans, with the original ids
forward   a bounded queue and a thread that feeds opentelemetry-sdk's exporter
ingest    POST /v1/traces
"""
