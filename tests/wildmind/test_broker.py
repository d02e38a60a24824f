"""Which broker: a wrong setting ends the start with a sentence, and a right one is what Celery understands."""

import pytest
from django.core.exceptions import ImproperlyConfigured
from kombu import Connection

from wildmind.local.children import QUEUES
from wildmind.settings import broker
from wildmind.sqs import Channel, Transport

NAMES = QUEUES.split(",")


class Offline(Channel):
    """Asks nobody for the queues that exist."""

    def _update_queue_cache(self, queue_name_prefix):
        pass


def channel(url: str, options: dict) -> Channel:
    connection = Connection(url, transport="wildmind.sqs:Transport", transport_options=options)
    return Offline(Transport(connection))


class TestBroker:
    @pytest.mark.parametrize("url", ["redis://127.0.0.1:6379/0", "rediss://:x@cache.example.com/1", "sqs://"])
    def test_may_be_redis_or_sqs(self, url):
        broker.check(url)

    @pytest.mark.parametrize(
        ("url", "said"),
        [
            ("amqp://localhost", "must be redis://, rediss:// or sqs://"),
            ("localhost:6379", "must be redis://, rediss:// or sqs://"),
            ("sqs://key:secret@", "stands alone"),
            ("sqs://127.0.0.1:4100", "WILDMIND_SQS_ENDPOINT"),
        ],
    )
    def test_is_refused_with_what_to_do_instead(self, url, said):
        with pytest.raises(ImproperlyConfigured, match=said):
            broker.check(url)

    def test_sqs_without_its_package_names_the_file_to_install(self, monkeypatch):
        monkeypatch.setattr(broker, "find_spec", lambda name: None)
        with pytest.raises(ImproperlyConfigured, match=r"requirements-sqs\.txt"):
            broker.check("sqs://")


class TestSqs:
    def test_hides_a_taken_message_for_two_pickup_leases_and_never_polls_without_a_pause(self):
        options = broker.sqs_options(pickup_seconds=15)
        made = channel(broker.sqs_url(), options)
        assert made.visibility_timeout == 30
        assert made.wait_time_seconds == 10
        assert made.connection.polling_interval == 0.1

    def test_asks_amazon_with_keys_that_boto3_finds_where_none_are_given(self):
        made = channel(broker.sqs_url(), broker.sqs_options(pickup_seconds=15))
        assert (made.endpoint_url, made.conninfo.userid, made.conninfo.password) == (None, None, None)
        assert made.region == "us-east-1"

    def test_asks_another_server_with_keys_of_any_characters(self, monkeypatch):
        monkeypatch.setenv("WILDMIND_SQS_ENDPOINT", "https://sqs.example.com:4100/")
        monkeypatch.setenv("WILDMIND_SQS_ACCESS_KEY", "AKIA/+")
        monkeypatch.setenv("WILDMIND_SQS_SECRET_KEY", "a/b+c@d:e")
        monkeypatch.setenv("WILDMIND_SQS_REGION", "eu-central-1")
        made = channel(broker.sqs_url(), broker.sqs_options(pickup_seconds=15))
        assert made.endpoint_url == "https://sqs.example.com:4100"
        assert (made.conninfo.userid, made.conninfo.password) == ("AKIA/+", "a/b+c@d:e")
        assert made.region == "eu-central-1"

    def test_names_each_queue_of_ours_once_and_as_celery_does(self, monkeypatch):
        monkeypatch.setenv("WILDMIND_SQS_QUEUES_URL", "https://sqs.eu-central-1.amazonaws.com/123456789012/")
        options = broker.sqs_options(pickup_seconds=15)
        made = channel("sqs://", options)
        assert list(options["predefined_queues"]) == [made.canonical_queue_name(name) for name in NAMES]
        assert len(set(options["predefined_queues"])) == len(NAMES)
        assert options["predefined_queues"]["wildmind-generation-free"] == {
            "url": "https://sqs.eu-central-1.amazonaws.com/123456789012/wildmind-generation-free"
        }

    @pytest.mark.parametrize(
        ("name", "value", "said"),
        [
            ("WILDMIND_SQS_QUEUE_PREFIX", "my.queues", "allows letters, digits"),
            ("WILDMIND_SQS_QUEUE_PREFIX", "x" * 70, "80 characters in all"),
            ("WILDMIND_SQS_ENDPOINT", "127.0.0.1:4100", "must start with http"),
            ("WILDMIND_SQS_ENDPOINT", "http://127.0.0.1:4100/queue", "has a path"),
            ("WILDMIND_SQS_QUEUES_URL", "123456789012", "must start with http"),
            ("WILDMIND_SQS_WAIT_SECONDS", "20", "above 15"),
            ("WILDMIND_SQS_POLL_MILLISECONDS", "0", "below 10"),
            ("WILDMIND_SQS_ACCESS_KEY", "AKIA", "belong together"),
        ],
    )
    def test_says_what_is_wrong_with_a_setting(self, monkeypatch, name, value, said):
        monkeypatch.setenv(name, value)
        with pytest.raises(ImproperlyConfigured, match=said):
            broker.sqs_url()
            broker.sqs_options(pickup_seconds=15)


class TestProduction:
    def test_refuses_to_start_with_a_broker_that_it_does_not_know(self):
        import subprocess
        import sys

        from django.conf import settings

        done = subprocess.run(
            [sys.executable, "-c", "import wildmind.settings.production"], cwd=settings.BASE_DIR, capture_output=True,
            text=True, check=False, env={
                "DATABASE_URL": "postgresql:///x", "WILDMIND_BROKER_URL": "amqp://rabbit", "PATH": "",
                "WILDMIND_SECRET_KEY": "0123456789abcdefghij" * 3, "WILDMIND_ALLOWED_HOSTS": "x.example.com",
            },
        )  # fmt: skip
        assert "WILDMIND_BROKER_URL starts with 'amqp'" in done.stderr
