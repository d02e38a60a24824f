"""A person's words reach no log, no error report and no metric."""

import json
import logging

import pytest
import sentry_sdk
from sentry_sdk.transport import Transport

from core import redaction
from tests.factories.generation import submit, work_off

CANARY = "canary-velvet-otter"


class TestLogs:
    @pytest.mark.django_db
    def test_never_hold_a_prompt_whatever_happens_to_the_job(self, person, caplog):
        caplog.set_level(logging.DEBUG)
        api = person.api()
        for directive in ("", "[[fail:provider]]", "[[fail:content]]", "[[fail:timeout]]", "[[fail:partial]]"):
            submit(person, prompt=f"{directive} {CANARY}")
        work_off()
        api.post("/generations", {"pipeline": "image", "input": {"prompt": [CANARY]}})
        api.post("/generations", {"pipeline": "image", "input": {"prompt": CANARY, "n": 99}})
        api.get(f"/generations?q={CANARY}")
        person.browser().get(f"/gallery?q={CANARY}")
        statements = [record for record in caplog.records if record.name.startswith("django.db")]
        others = [record for record in caplog.records if record not in statements]
        assert CANARY not in "\n".join(f"{record.getMessage()} {record.__dict__}" for record in others)

    def test_drop_private_fields_that_somebody_logs_by_mistake(self):
        event = redaction.drop_private(None, "info", {"event": "x", "prompt": CANARY, "job": "1", "password": "p"})
        assert event == {"event": "x", "prompt": "[redacted]", "job": "1", "password": "[redacted]"}


class TestTracebacks:
    def test_say_where_and_what_kind_and_not_what_it_said(self):
        from wildmind.settings.parts import logging as ours

        formatter = ours.LOGGING["formatters"]["structured"]
        made = formatter["()"](**{key: value for key, value in formatter.items() if key != "()"})
        try:
            try:
                raise ValueError(CANARY)
            except ValueError as cause:
                raise RuntimeError(f"while {CANARY}") from cause
        except RuntimeError:
            import sys

            record = logging.LogRecord("x", logging.ERROR, "f", 1, "it failed", (), sys.exc_info())
        text = made.format(record)
        assert CANARY not in text
        assert "RuntimeError" in text
        assert "ValueError" in text
        assert "test_privacy.py" in text

    @pytest.mark.django_db
    def test_of_the_database_carry_no_values(self):
        from django.db import DatabaseError, connection, transaction

        with pytest.raises(DatabaseError) as failed, transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT no_such_function(%s::text)", [CANARY])
        assert CANARY not in str(failed.value)


class _Captured(Transport):
    def __init__(self) -> None:
        super().__init__({})
        self.envelopes: list = []

    def capture_envelope(self, envelope):
        self.envelopes.append(envelope)


class TestSentry:
    def test_is_off_without_a_dsn(self):
        assert not sentry_sdk.get_client().is_active()

    def test_sends_neither_prompts_nor_keys(self):
        from wildmind import sentry

        transport = _Captured()
        client = sentry_sdk.Client(**{**sentry.options("https://k@o0.ingest.example/1"), "transport": transport})
        prompt, secret = CANARY, "wm_live_" + "x" * 43
        try:
            raise ValueError(f"{prompt} {secret}")
        except ValueError as exc:
            event, hint = sentry_sdk.utils.event_from_exception(exc, client_options=client.options)
        event["extra"] = {"prompt": prompt}
        event["request"] = {"method": "POST", "url": f"http://x/?q={prompt}", "data": prompt}
        client.capture_event(event, hint, sentry_sdk.Scope())
        sent = "\n".join(json.dumps(item.payload.json) for envelope in transport.envelopes for item in envelope.items)
        assert "ValueError" in sent
        assert CANARY not in sent
        assert secret not in sent
