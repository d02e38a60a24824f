"""Messages go through a server that speaks SQS; all else stays as it is."""

import re
from contextlib import closing

import boto3
import pytest
import redis

from tests.stack import running
from tests.stack.running import Caller, Stack
from tests.stack.test_nothing_lost import assert_whole, body, status
from wildmind.local.children import QUEUES

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(420)]


@pytest.fixture(scope="module")
def sqs_stack(tmp_path_factory):
    made = running.create(tmp_path_factory.mktemp("sqs"), sqs=True)
    try:
        made.start("web", "worker", "runner", "scheduler")
        made.wait_until_ready()
        yield made
    finally:
        running.drop(made)


def submit(caller: Caller, prompt: str, *, times: int) -> list[str]:
    return [caller.post("/generations", body(prompt))[1]["id"] for _ in range(times)]


def wait_for(stack: Stack, caller: Caller, jobs: list[str]) -> None:
    stack.wait(lambda: {status(caller, job) for job in jobs} == {"succeeded"}, "all succeed", seconds=90)


def client(stack: Stack):
    return boto3.client(
        "sqs", endpoint_url=stack.environ["WILDMIND_SQS_ENDPOINT"], region_name="us-east-1",
        aws_access_key_id="local", aws_secret_access_key="local/secret+key",
    )  # fmt: skip


def queue_urls(stack: Stack) -> list[str]:
    return client(stack).list_queues()["QueueUrls"]


class TestJobs:
    def test_go_through_sqs_and_end_with_pictures_and_one_charge_each(self, sqs_stack):
        caller = sqs_stack.key(credits=100)
        jobs = submit(caller, "a fox", times=5)
        wait_for(sqs_stack, caller, jobs)
        assert_whole(sqs_stack, caller, jobs, each=1)
        assert caller.get("/wallet")["available"] == 75
        assert len(caller.get("/assets")["data"]) == 5
        # Nothing went the other way, and what was read is gone from the queue.
        with closing(redis.Redis.from_url(sqs_stack.broker.url)) as other:
            assert [key for key in other.keys("wm:*") if other.type(key) == b"list"] == []
        waiting = client(sqs_stack).get_queue_attributes(
            QueueUrl=next(url for url in queue_urls(sqs_stack) if url.endswith("-media")),
            AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
        )["Attributes"]
        assert set(waiting.values()) == {"0"}

    def test_of_each_lane_have_a_queue_whose_name_sqs_allows(self, sqs_stack):
        sqs_stack.wait(lambda: len(queue_urls(sqs_stack)) == len(QUEUES.split(",")), "every queue is there")
        names = {url.rsplit("/", 1)[1] for url in queue_urls(sqs_stack)}
        assert all(re.fullmatch(r"wildmind-[A-Za-z0-9_-]{1,71}", name) for name in names)
        assert "wildmind-generation-free" in names

    @pytest.mark.long
    def test_survive_a_killed_worker_and_are_made_once(self, sqs_stack):
        caller = sqs_stack.key(credits=100)
        jobs = submit(caller, "[[slow:2]] a fox", times=5)
        sqs_stack.wait(lambda: "running" in {status(caller, job) for job in jobs}, "one runs")
        sqs_stack.kill("worker")
        sqs_stack.start("worker")
        wait_for(sqs_stack, caller, jobs)
        assert_whole(sqs_stack, caller, jobs, each=1)
        assert caller.get("/wallet")["available"] == 75
        assert len(caller.get("/assets")["data"]) == 5

    @pytest.mark.long
    def test_survive_a_server_that_comes_back_without_messages_and_queues(self, sqs_stack):
        caller = sqs_stack.key(credits=100)
        jobs = submit(caller, "[[slow:2]] dunes", times=5)
        sqs_stack.wait(lambda: "running" in {status(caller, job) for job in jobs}, "one runs")
        sqs_stack.kill("sqs")
        worker = sqs_stack.running["worker"].pid
        jobs += submit(caller, "a boat", times=5)
        sqs_stack.start("sqs")
        wait_for(sqs_stack, caller, jobs)
        assert_whole(sqs_stack, caller, jobs, each=1)
        assert caller.get("/wallet")["available"] == 50
        # The worker stayed: it did not end with the connection.
        assert sqs_stack.running["worker"].poll() is None
        assert sqs_stack.running["worker"].pid == worker


class TestDoctor:
    @pytest.mark.long
    def test_is_content_and_names_a_queue_that_hides_messages_for_a_wrong_time(self, sqs_stack):
        sqs_stack.wait(lambda: len(queue_urls(sqs_stack)) == len(QUEUES.split(",")), "every queue is there")
        assert "all is well" in sqs_stack.manage("doctor")
        url = next(url for url in queue_urls(sqs_stack) if url.endswith("-media"))
        client(sqs_stack).set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "1800"})
        try:
            with pytest.raises(AssertionError, match="wildmind-media hides a taken message for 1800 s"):
                sqs_stack.manage("doctor")
        finally:
            client(sqs_stack).set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "6"})

    @pytest.mark.long
    def test_says_that_the_broker_is_away(self, sqs_stack):
        sqs_stack.kill("sqs")
        try:
            with pytest.raises(AssertionError, match="The broker refuses"):
                sqs_stack.manage("doctor")
        finally:
            sqs_stack.start("sqs")


class TestQueuesOfTheOperator:
    """The last here: the processes are started anew with queues that they may not create."""

    @pytest.mark.long
    def test_carry_jobs_once_they_are_all_there(self, sqs_stack):
        for name in ("worker", "runner", "scheduler"):
            sqs_stack.kill(name)
        endpoint = sqs_stack.environ["WILDMIND_SQS_ENDPOINT"]
        sqs_stack.environ |= {
            "WILDMIND_SQS_QUEUES_URL": f"{endpoint}/123456789012/", "WILDMIND_SQS_QUEUE_PREFIX": "ours_",
        }  # fmt: skip
        with pytest.raises(AssertionError, match="The queue ours_media is not at WILDMIND_SQS_QUEUES_URL"):
            sqs_stack.manage("doctor")
        for queue in QUEUES.split(","):
            name = f"ours_{queue}".replace(".", "-")
            client(sqs_stack).create_queue(QueueName=name, Attributes={"VisibilityTimeout": "6"})
        sqs_stack.start("worker", "runner", "scheduler")
        caller = sqs_stack.key(credits=100)
        jobs = submit(caller, "a fox", times=2)
        wait_for(sqs_stack, caller, jobs)
        assert_whole(sqs_stack, caller, jobs, each=1)
