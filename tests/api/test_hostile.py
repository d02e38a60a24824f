"""Hostile and clumsy requests: always the documented problem document, never a 500."""

import pytest

from accounts.scopes import SCOPES
from tests.factories.accounts import Api

pytestmark = pytest.mark.django_db
GOOD = {"pipeline": "image", "input": {"prompt": "fox"}}
DEEP = '{"pipeline":"image","input":' + '{"a":' * 60 + "1" + "}" * 60 + "}"


def _with(**given: object):
    return {"pipeline": "image", "input": {"prompt": "a", **given}}


BODIES = [
    ("empty", b"", 400, "invalid_request", "pipeline"),
    ("white space", b"   ", 400, "invalid_request", "pipeline"),
    ("broken JSON", b'{"pipeline": ', 400, "invalid_request", None),
    ("not UTF-8", b'{"pipeline": "\xff"}', 400, "invalid_request", None),
    ("a list", b"[1]", 400, "invalid_request", None),
    ("a number", b"7", 400, "invalid_request", None),
    ("null", b"null", 400, "invalid_request", None),
    ("NaN", b'{"pipeline":"image","input":{"prompt":"a","seed":NaN}}', 400, "invalid_request", None),
    ("nested deep", DEEP, 400, "invalid_request", None),
    ("nested to the parser's end", b"[" * 100_000, 400, "invalid_request", None),
    ("lone surrogate", b'{"pipeline":"image","input":{"prompt":"\\ud800"}}', 400, "invalid_request", None),
    ("NUL", b'{"pipeline":"image","input":{"prompt":"a\\u0000b"}}', 400, "invalid_request", None),
    ("NUL in a name", b'{"pipeline":"image","input":{"a\\u0000":1}}', 400, "invalid_request", None),
    ("no input", {"pipeline": "image"}, 400, "invalid_request", "input"),
    ("no prompt", {"pipeline": "image", "input": {}}, 400, "invalid_request", "input.prompt"),
    ("empty prompt", {"pipeline": "image", "input": {"prompt": ""}}, 400, "invalid_request", "input.prompt"),
    ("blank prompt", {"pipeline": "image", "input": {"prompt": " \n "}}, 400, "invalid_request", "input.prompt"),
    ("100 KB prompt", _with(prompt="x" * 100_000), 400, "invalid_request", "input.prompt"),
    ("2 MB body", _with(prompt="x" * 2_000_000), 413, "too_large", None),
    ("n=0", _with(n=0), 400, "invalid_request", "input.n"),
    ("n=-1", _with(n=-1), 400, "invalid_request", "input.n"),
    ("n=5", _with(n=5), 400, "invalid_request", "input.n"),
    ("n=1.5", _with(n=1.5), 400, "invalid_request", "input.n"),
    ("n as text", _with(n="2"), 400, "invalid_request", "input.n"),
    ("n=true", _with(n=True), 400, "invalid_request", "input.n"),
    ("huge n", _with(n=10**30), 400, "invalid_request", None),
    ("prompt as list", {"pipeline": "image", "input": {"prompt": ["a"]}}, 400, "invalid_request", "input.prompt"),
    ("half a size", _with(width=64), 400, "invalid_request", "input.height"),
    ("unknown input", _with(cfg=7), 400, "unsupported_parameter", "input.cfg"),
    ("unknown field", {**GOOD, "cost": 0}, 400, "unknown_field", "cost"),
    ("mass assignment", {**GOOD, "workspace": "x", "state": "succeeded"}, 400, "unknown_field", None),
    ("unknown pipeline", {**GOOD, "pipeline": "video"}, 400, "invalid_request", "pipeline"),
    ("pipeline as number", {**GOOD, "pipeline": 5}, 400, "invalid_request", "pipeline"),
    ("unknown model", {**GOOD, "model": "nope"}, 404, "not_found", None),
    ("odd quote", {**GOOD, "quote_id": "quo_x"}, 400, "invalid_request", "quote_id"),
    ("metadata nested", {**GOOD, "metadata": {"a": {"b": 1}}}, 400, "invalid_request", "metadata.a"),
    ("metadata beyond JSON's exact numbers", {**GOOD, "metadata": {"a": 1e30}}, 400, "invalid_request", None),
    ("max_credits=0", {**GOOD, "max_credits": 0}, 400, "invalid_request", "max_credits"),
]  # fmt: skip


def assert_problem(answer, status, code):
    assert answer.status_code == status, answer.content[:300]
    assert answer["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert (body["status"], body["code"]) == (status, code)
    assert body["type"] == f"/docs/errors/{code}"
    assert body["title"]
    assert body["detail"]
    assert answer["X-Request-Id"] == body["request_id"]
    return body


class TestBodies:
    @pytest.mark.parametrize(("body", "status", "code", "field"), [case[1:] for case in BODIES],
                             ids=[case[0] for case in BODIES])  # fmt: skip
    def test_are_refused_by_name_and_leave_nothing_behind(self, api, person, body, status, code, field):
        answer = api.post("/generations", body)
        problem = assert_problem(answer, status, code)
        if field is not None:
            assert field in [fault["field"] for fault in problem["errors"]]
        assert person.held() == 0

    def test_never_repeat_what_was_sent(self, api):
        secret = "a-very-private-thought"
        answer = api.post("/generations", {"pipeline": "image", "input": {"prompt": [secret], "n": secret}})
        assert secret not in answer.content.decode()

    def test_need_the_right_type(self, api):
        assert_problem(api.post("/generations", b"a=b", content_type="application/x-www-form-urlencoded"), 415,
                       "unsupported_media_type")  # fmt: skip
        assert_problem(api.post("/generations", b"{}", content_type="text/plain"), 415, "unsupported_media_type")

    @pytest.mark.parametrize("key", ["x" * 256, "caf\xe9"])
    def test_need_a_plain_idempotency_key(self, api, key):
        assert_problem(api.post("/generations", GOOD, **{"Idempotency-Key": key}), 400, "invalid_request")


class TestCallers:
    @pytest.mark.parametrize("path", ["/me", "/generations", "/assets", "/wallet", "/models", "/nothing/here"])
    def test_without_a_key_are_turned_away(self, client, path):
        answer = client.get(f"/api/v1{path}")
        if path == "/nothing/here":
            assert_problem(answer, 404, "not_found")
        else:
            assert_problem(answer, 401, "unauthenticated")
            assert answer["WWW-Authenticate"].startswith("Bearer")

    @pytest.mark.parametrize(
        "header",
        ["Bearer wm_live_nope", "Bearer nope", "Bearer", "Bearer a b", "Basic abc", "Bearer wm_live_" + "x" * 500,
         "Bearer wm_live_\xff"],
    )  # fmt: skip
    def test_with_a_bad_key_are_turned_away(self, client, header):
        assert_problem(client.get("/api/v1/me", headers={"Authorization": header}), 401, "unauthenticated")

    def test_with_a_revoked_or_expired_key_are_turned_away_at_once(self, person):
        from datetime import timedelta

        from django.utils import timezone

        from accounts.models import ApiKey

        api = person.api()
        assert api.get("/me").status_code == 200
        ApiKey.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        assert_problem(api.get("/me"), 401, "unauthenticated")
        ApiKey.objects.update(expires_at=None, revoked_at=timezone.now())
        assert_problem(api.get("/me"), 401, "unauthenticated")

    def test_of_a_deleted_person_are_turned_away(self, person):
        api = person.api()
        person.user.delete()
        assert_problem(api.get("/me"), 401, "unauthenticated")

    def test_of_a_deactivated_person_are_turned_away(self, person):
        api = person.api()
        person.user.is_active = False
        person.user.save()
        assert_problem(api.get("/me"), 401, "unauthenticated")

    @pytest.mark.parametrize(
        ("method", "path", "scope"),
        [("get", "/generations", "generations:read"), ("post", "/generations", "generations:write"),
         ("post", "/quotes", "generations:write"), ("get", "/assets", "assets:read"), ("get", "/wallet", "wallet:read"),
         ("get", "/wallet/transactions", "wallet:read"), ("get", "/models", "models:read")],
    )  # fmt: skip
    def test_need_the_scope(self, person, method, path, scope):
        api = person.api(scopes=tuple(name for name in SCOPES if name != scope))
        answer = api.get(path) if method == "get" else api.post(path, GOOD)
        problem = assert_problem(answer, 403, "scope_missing")
        assert problem["required_scope"] == scope

    def test_by_session_need_the_csrf_token_to_change_something(self, person):
        from django.test import Client

        browser = Client(enforce_csrf_checks=True)
        browser.force_login(person.user, backend="django.contrib.auth.backends.ModelBackend")
        assert browser.get("/api/v1/me").status_code == 200
        answer = browser.post("/api/v1/quotes", data="{}", content_type="application/json")
        assert_problem(answer, 403, "policy_denied")

    def test_get_405_for_a_method_that_is_not_there(self, api):
        answer = api.client.put("/api/v1/me", headers={"Authorization": f"Bearer {api.secret}"})
        assert_problem(answer, 405, "method_not_allowed")


class TestPaths:
    @pytest.mark.parametrize(
        "path",
        ["/generations/gen_", "/generations/x", "/generations/ast_01m89r8qy6et0rremdgb8sc4cr", "/generations/%00",
         "/generations/gen_zzzzzzzzzzzzzzzzzzzzzzzzzz", "/assets/gen_01m89r8qy6et0rremdgb8sc4cr", "/models/nope",
         "/models/%00", "/assets/..%2f..%2fetc"],
    )  # fmt: skip
    def test_that_name_nothing_are_404(self, api, path):
        assert_problem(api.get(path), 404, "not_found")

    @pytest.mark.parametrize(
        "path",
        [
            "/generations?q=%00",
            "/generations?limit=0000100000",
            "/assets?limit=" + "0" * 30 + "19",
            "/generations?created_after=0001-01-01T00:00:00%2B23:59",
            "/generations?created_before=9999-12-31T23:59:59-23:59",
            "/generations?external_id=%00",
            "/wallet/transactions?cursor=9" + "9" * 30,
        ],
    )
    def test_with_an_odd_query_are_400(self, api, path):
        assert_problem(api.get(path), 400, "invalid_request")

    def test_both_forms_answer(self, api):
        assert api.get("/generations").status_code == api.get("/generations/").status_code == 200

    def test_keep_a_sane_request_id_and_replace_another(self, api):
        assert api.get("/me", **{"X-Request-Id": "trace-1"})["X-Request-Id"] == "trace-1"
        assert api.get("/me", **{"X-Request-Id": "a b\r\nx"})["X-Request-Id"].startswith("req_")


def test_a_key_is_not_a_session(person):
    """A key in the cookie or the address is nobody."""
    api = person.api()
    from django.test import Client

    assert Client().get(f"/api/v1/me?key={api.secret}").status_code == 401
    assert isinstance(api, Api)
