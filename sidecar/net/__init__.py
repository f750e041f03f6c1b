"""Sockets, time and TLS: the thin shell that moves bytes for the decisions made elsewhere."""
