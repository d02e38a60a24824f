"""An adapter beside its server, for tests of one adapter alone."""

from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from uuid import uuid4

from core.secrets import Secret
from providers import registry
from providers.contracts import Connection
from tests.providers.conformance.conftest import Bench
from tests.providers.servers import serving


@contextmanager
def beside(kind, **changes):
    """The bench of a kind's first case; `changes` are of the case."""
    case = replace(import_module(f"tests.providers.conformance.cases.{kind}").CASES[0], **changes)
    with serving(case.server()) as server:
        hosts = (*registry.adapter(kind).needs.result_hosts, "127.0.0.1")
        url = server.url + case.base_path
        yield Bench(case, server, Connection(uuid4(), kind, "test", url, Secret(server.secret), case.options, hosts))
