"""What a visitor finds in the first minute: a demo user with a gallery that the real pipeline made."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.management.base import CommandError
from django.utils import timezone

from accounts import workspaces
from accounts.current import of_member
from accounts.models import User
from core.idempotency import Once
from credits import ledger
from credits.ledger import Terms
from credits.models import Lot
from generation import dispatch, execution, presenter, submission
from generation.submission import Order

DEMO_EMAIL, DEMO_PASSWORD = "demo@wildmind.local", "wildmind-demo"
ADMIN_EMAIL, ADMIN_PASSWORD = "admin@wildmind.local", "wildmind-admin"
_CREDITS = 1_000
_OWNER = "seed"
# Prompt, shape, how many, seed: chosen by eye.
PICTURES: tuple[tuple[str, str, int, int], ...] = (
    ("Calm lake between misty mountains, golden sunrise", "16:9", 1, 11),
    ("A red fox in a snowy pine forest at dawn", "4:5", 2, 7),
    ("Neon city skyline in the rain at night", "3:2", 1, 21),
    ("Gold and teal abstract silk", "1:1", 1, 5),
    ("A sailing boat at sunset", "4:3", 1, 3),
    ("Cherry blossom garden in spring", "3:4", 1, 14),
    ("Desert dunes under a field of stars", "16:9", 1, 5),
    ("Minimal Bauhaus composition in red, blue and cream", "1:1", 1, 2),
    ("Lighthouse in a storm", "2:3", 1, 31),
    ("Deep space nebula, violet and rose", "3:2", 1, 17),
    ("Layered paper-cut hills in autumn colours", "4:3", 1, 8),
    ("A cabin in the woods under the aurora", "5:4", 1, 12),
)


def demo(*, at: datetime) -> Iterator[str]:
    """Makes the demo and admin users and their pictures, once. Says what it did."""
    if not settings.SEED_DEMO_ALLOWED:
        raise CommandError("The demo users have known passwords: they exist in local runs only.")
    _person(ADMIN_EMAIL, ADMIN_PASSWORD, name="Operator", staff=True, at=at)
    user = _person(DEMO_EMAIL, DEMO_PASSWORD, name="Demo", staff=False, at=at)
    caller = of_member(user_id=user.id, email=user.email)
    ledger.grant(
        workspace_id=caller.workspace_id, amount=_CREDITS, reference="seed:demo", reason="Welcome", at=at,
        terms=Terms(Lot.Origin.WELCOME, at + timedelta(days=settings.CREDITS_WELCOME_LIFETIME_DAYS)),
    )  # fmt: skip
    made = 0
    for number, (prompt, shape, count, seed) in enumerate(reversed(PICTURES)):
        order = Order(
            pipeline="image", model="sketch-image",
            input={"prompt": prompt, "aspect_ratio": shape, "n": count, "seed": seed},
        )  # fmt: skip
        accepted = submission.submit_job(
            caller=caller, order=order, once=Once("seed", str(number), "seed"), render=presenter.encoded,
            at=timezone.now(),
        )  # fmt: skip
        made += 0 if accepted.replayed else count
    if made:
        _work_off(caller.entitlements.lane)
        yield f"seeded {made} pictures for {DEMO_EMAIL}"


def _person(email: str, password: str, *, name: str, staff: bool, at: datetime) -> User:
    user = User.objects.filter(email=email).first()
    if user is None:
        user = User.objects.create_user(email, password, name=name, is_staff=staff, is_superuser=staff)
    EmailAddress.objects.get_or_create(user=user, email=email, defaults={"verified": True, "primary": True})
    if workspaces.default_for(user_id=user.id) is None:
        workspaces.create_personal(user_id=user.id, name=workspaces.personal_name(user), at=at, welcome=False)
    return user


def _work_off(lane: str) -> None:
    """Runs what was submitted in this process: the workers are not up yet."""
    while claimed := dispatch.claim(placement="cpu", lane=lane, limit=8, owner=_OWNER):
        batch: list[tuple[UUID, int]] = [(step.id, step.attempt_no) for step in claimed]
        execution.run_batch(batch=batch)
