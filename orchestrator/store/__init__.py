"""Durable storage of objects with one global, growing revision."""
