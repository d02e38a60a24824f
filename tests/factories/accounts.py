"""People with everything they need."""

import itertools
import json
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from django.test import Client
from django.utils import timezone

from accounts import api_keys, plans, workspaces
from accounts.current import Principal, of_member
from accounts.models import User
from accounts.scopes import SCOPES
from credits import ledger, selectors
from credits.ledger import Terms

_numbers = itertools.count()
PASSWORD = "a-good-passphrase"


@dataclass
class Api:
    """Calls the API as an integrator would: JSON out, JSON in, a key, a fresh Idempotency-Key for each POST."""

    secret: str
    client: Client = field(default_factory=lambda: Client(raise_request_exception=False))

    def get(self, path: str, **headers: str):
        return self.client.get(f"/api/v1{path}", headers=self._headers(headers))

    def post(self, path: str, body: Any = None, **headers: str):
        raw = body if isinstance(body, (str, bytes)) else json.dumps({} if body is None else body)
        return self.client.post(
            f"/api/v1{path}",
            data=raw,
            content_type=headers.pop("content_type", "application/json"),
            headers=self._headers({"Idempotency-Key": str(uuid4()), **headers}),
        )

    def _headers(self, more: dict[str, str]) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.secret}", **more}


@dataclass
class Person:
    user: User
    workspace_id: UUID

    @property
    def principal(self) -> Principal:
        return of_member(user_id=self.user.id, email=self.user.email)

    def api(self, *, sandbox: bool = False, scopes: tuple[str, ...] = SCOPES) -> Api:
        key = api_keys.create(
            workspace_id=self.workspace_id, user_id=self.user.id, name="test", scopes=scopes, sandbox=sandbox,
            actor="test", at=timezone.now(),
        )  # fmt: skip
        return Api(key.secret)

    def browser(self) -> Client:
        client = Client()
        client.force_login(self.user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    def available(self, *, sandbox: bool = False) -> int:
        return selectors.balance(workspace_id=self.workspace_id, sandbox=sandbox, at=timezone.now()).available

    def held(self, *, sandbox: bool = False) -> int:
        return selectors.balance(workspace_id=self.workspace_id, sandbox=sandbox, at=timezone.now()).held

    def limit(self, **changes: Any) -> None:
        """Lays limits over those of the person's plan."""
        plans.override(workspace_id=self.workspace_id, changes=changes, actor="test", at=timezone.now())

    def grant(self, amount: int, **terms: Any) -> None:
        now = timezone.now()
        ledger.grant(
            **{
                "workspace_id": self.workspace_id, "amount": amount, "terms": Terms("goodwill"), "at": now,
                "reference": f"test:{uuid4()}", **terms,
            }
        )  # fmt: skip


def make_person(*, credits: int | None = None, staff: bool = False) -> Person:
    """A person with the welcome credits, or with exactly `credits`."""
    email = f"person{next(_numbers)}-{uuid4().hex[:6]}@example.com"
    user = User.objects.create_user(email, PASSWORD, is_staff=staff, is_superuser=staff)
    workspace_id = workspaces.create_personal(
        user_id=user.id, name=workspaces.personal_name(user), at=timezone.now(), welcome=credits is None
    )
    person = Person(user, workspace_id)
    if credits:
        person.grant(credits)
    return person
