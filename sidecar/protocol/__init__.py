"""Protocols without sockets: bytes in, heads and bodies out, and back. Pure: no clock, no loop, no I/O."""
