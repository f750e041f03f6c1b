"""Policies of a route or listener as decisions over a request's head: pure, chance is an argument."""
