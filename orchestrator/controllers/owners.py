"""Owner references and the hash of a pod template: what ties the objects of a workload together."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from mesh.kube.objects import Object, controller_of, labels_of, name_of, namespace_of, uid_of
from mesh.kube.selectors import from_api

SAFE_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""Kubernetes' alphabet for generated names: no vowels, so no words."""
HASH_CHARACTERS = 10


def owner_reference(owner: Object) -> dict[str, Any]:
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": name_of(owner),
        "uid": uid_of(owner),
        "controller": True,
        "blockOwnerDeletion": True,
    }


def owned_by(owner: Object, objects: Iterable[Object]) -> list[Object]:
    uid = uid_of(owner)
    return [obj for obj in objects if (controller_of(obj) or {}).get("uid") == uid]


def selects(owner: Object, obj: Object) -> bool:
    """Same namespace, and the owner's selector matches the object's labels."""
    if namespace_of(owner) != namespace_of(obj):
        return False
    return bool(from_api(owner["spec"].get("selector")).matches(labels_of(obj)))


def template_hash(template: Mapping[str, Any]) -> str:
    """A name for this pod template: the same template gives the same name, whoever asks."""
    digest = hashlib.sha256(json.dumps(template, sort_keys=True, separators=(",", ":")).encode()).digest()
    return "".join(SAFE_ALPHABET[byte % len(SAFE_ALPHABET)] for byte in digest[:HASH_CHARACTERS])
