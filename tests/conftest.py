"""What all tests share: how long hypothesis may look, on machines whose speed varies."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("pocketmesh", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("pocketmesh")
