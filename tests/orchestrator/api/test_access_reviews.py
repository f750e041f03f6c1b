"""Goal: reviews say what the rules do. Method: every review of every kind of user, against `authorize` itself."""

from __future__ import annotations

from typing import Any

import pytest

from mesh.kube.errors import ApiError
from mesh.kube.kinds import ACCESS_REVIEWS, POD, builtin_registry
from mesh.kube.objects import Object
from orchestrator.api.access_reviews import review
from orchestrator.api.authorization import READERS, allows
from orchestrator.api.call import MASTERS, Call, User

REGISTRY = builtin_registry()
SELF, RULES, SUBJECT, LOCAL = ACCESS_REVIEWS
ADMIN, READER, NOBODY = (User("u", groups=groups) for groups in ((MASTERS,), (READERS,), ()))


def ask(user: User, spec: Object, kind: Any = SELF, namespace: str = "") -> Object:
    status: Object = review(Call(user, kind, namespace), {"spec": spec}, REGISTRY)["status"]
    return status


@pytest.mark.parametrize("user", [ADMIN, READER, NOBODY])
@pytest.mark.parametrize("verb", ["get", "list", "create", "delete", "nonsense"])
@pytest.mark.parametrize("resource", ["pods", "secrets", "never-heard-of", "selfsubjectreviews"])
@pytest.mark.parametrize("subresource", ["", "exec", "log"])
def test_the_answer_is_the_rule(user: User, verb: str, resource: str, subresource: str) -> None:
    group = "authentication.k8s.io" if resource.startswith("self") else ""
    asked = {"resource": resource, "group": group, "verb": verb, "namespace": "n", "subresource": subresource}
    kind = REGISTRY.resource(group, "v1", resource)
    if kind is not None:
        expected = allows(Call(user, kind, "n", "", subresource), verb)
    else:
        expected = user is ADMIN or (user is READER and verb in ("get", "list") and subresource != "exec")
    assert ask(user, {"resourceAttributes": asked}) == {"allowed": expected}


def test_documents_are_read_by_everybody() -> None:
    assert ask(NOBODY, {"nonResourceAttributes": {"path": "/version", "verb": "get"}}) == {"allowed": True}
    assert ask(ADMIN, {"nonResourceAttributes": {"path": "/version", "verb": "post"}}) == {"allowed": False}


def test_about_others() -> None:
    asked = {"resourceAttributes": {"resource": "pods", "verb": "delete", "namespace": "n"}}
    assert ask(NOBODY, {**asked, "groups": [MASTERS]}, SUBJECT) == {"allowed": True}
    assert ask(ADMIN, {**asked, "user": "x"}, SUBJECT) == {"allowed": False}
    assert ask(ADMIN, {**asked, "groups": [READERS]}, LOCAL, "n") == {"allowed": False}
    for kind, spec in ((SUBJECT, asked), (LOCAL, {**asked, "user": "x"}), (SELF, {})):
        with pytest.raises(ApiError) as caught:
            ask(ADMIN, spec, kind, "other" if kind is LOCAL else "")
        assert caught.value.code == 422


def test_rules_agree_with_the_answers() -> None:
    everything = ask(ADMIN, {"namespace": "n"}, RULES)
    assert everything["resourceRules"] == [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}]
    for rule in ask(READER, {"namespace": "n"}, RULES)["resourceRules"]:
        for name in rule["resources"]:
            plural, _, subresource = name.partition("/")
            kind = REGISTRY.resource(rule["apiGroups"][0], "v1", plural) or POD
            for verb in rule["verbs"]:
                assert allows(Call(READER, kind, "n", "", subresource), verb), (name, verb)
    with pytest.raises(ApiError, match="no namespace"):
        ask(ADMIN, {}, RULES)
