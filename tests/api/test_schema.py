"""The OpenAPI document is valid and tells the truth about what the API answers."""

import json
import re

import jsonschema_rs
import pytest
import yaml
from django.core.management import call_command
from openapi_spec_validator import validate

from tests.factories.generation import work_off

pytestmark = pytest.mark.django_db
BODY = {"pipeline": "image", "input": {"prompt": "a red fox", "width": 64, "height": 64}}


@pytest.fixture(scope="module")
def schema():
    from drf_spectacular.generators import SchemaGenerator

    return json.loads(json.dumps(SchemaGenerator().get_schema(request=None, public=True)))


class TestDocument:
    def test_is_valid_openapi_3_1(self, schema):
        assert schema["openapi"] == "3.1.0"
        validate(schema)

    def test_is_served_without_a_key(self, client):
        answer = client.get("/api/v1/schema")
        assert answer.status_code == 200
        assert yaml.safe_load(answer.content)["openapi"] == "3.1.0"

    def test_has_no_warning(self, capsys):
        call_command("spectacular", "--validate", "--fail-on-warn", "--file", "/dev/null")

    def test_has_every_path_once(self, schema):
        paths = sorted(path for path in schema["paths"] if path != "/api/v1/schema")
        assert paths == sorted(
            f"/api/v1/{path}" for path in (
                "assets", "assets/{public_id}", "assets/{public_id}/content", "generations", "generations/{public_id}",
                "generations/{public_id}/attempts", "generations/{public_id}/cancel", "generations/{public_id}/events",
                "generations/{public_id}/retry",
                "me", "models", "models/{model}", "queue", "quotes", "usage", "wallet", "wallet/transactions",
            )
        )  # fmt: skip


class TestTruth:
    def test_of_every_answer_of_a_jobs_life(self, api, schema):
        seen = []

        def ask(method, path, body=None, **headers):
            answer = api.get(path, **headers) if method == "get" else api.post(path, body, **headers)
            seen.append((method, path, answer))
            return answer

        ask("post", "/quotes", BODY)
        made = ask("post", "/generations", {**BODY, "metadata": {"sku": "A"}, "external_id": "A"}).json()
        ask("get", f"/generations/{made['id']}")
        failing = ask(
            "post", "/generations", {**BODY, "input": {**BODY["input"], "prompt": "[[fail:partial]]", "n": 2}}
        )
        work_off()
        ask("post", f"/generations/{failing.json()['id']}/retry")
        done = ask("get", f"/generations/{made['id']}").json()
        asset = done["outputs"][0]["asset"]
        for path in (
            "/generations", f"/generations/{failing.json()['id']}", f"/generations/{made['id']}/attempts", "/assets",
            f"/assets/{asset}", f"/assets/{asset}/content", "/wallet", "/wallet/transactions",
            "/usage", "/usage?group_by=member", "/usage?group_by=nothing", "/models",
            "/models/sketch-image", "/me", "/queue", "/generations/gen_x", "/assets?limit=0",
        ):  # fmt: skip
            ask("get", path)
        ask("post", f"/generations/{made['id']}/cancel")
        ask("post", "/generations", {"pipeline": "image"})
        for method, path, answer in seen:
            self._hold(schema, method, path, answer)

    def _hold(self, schema, method, path, answer):
        template = re.sub(r"/(gen|ast)_\w+", "/{public_id}", path.split("?")[0])
        template = template.replace("/models/sketch-image", "/models/{model}")
        documented = schema["paths"][f"/api/v1{template}"][method]["responses"]
        assert str(answer.status_code) in documented, (method, path, answer.status_code)
        if answer.status_code >= 300 and answer.status_code < 400:
            return
        kind = answer["Content-Type"].split(";")[0]
        shape = documented[str(answer.status_code)]["content"][kind]["schema"]
        validator = jsonschema_rs.validator_for({**shape, "components": schema.get("components", {})})
        problems = [f"{list(error.instance_path)}: {error.message}" for error in validator.iter_errors(answer.json())]
        assert problems == [], (method, path)
