"""The record of who did what. Called inside the transaction of the deed."""

from datetime import datetime
from uuid import UUID

from accounts.models import AuditEvent


def record(
    *, action: str, actor: str, at: datetime, workspace_id: UUID | None = None, target: str = "", reason: str = ""
) -> None:
    """Adds one event. `reason` is what an operator typed, never a person's prompt."""
    AuditEvent.objects.create(
        workspace_id=workspace_id, actor=actor, action=action, target=target, reason=reason[:300], at=at
    )
