"""The workspace's pages: who belongs to it, and its API keys."""

from dataclasses import dataclass
from datetime import datetime

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import api_keys, current, workspaces
from accounts.models import ApiKey
from accounts.permissions import require
from accounts.scopes import DEFAULT_SCOPES, SCOPES
from core.errors import NotFound
from core.ids import from_public, to_public, uuid7


class ApiKeyForm(forms.Form):
    """A key's name, whether it spends real credits, and what it may do."""

    name = forms.CharField(max_length=80, label="Name")
    token = forms.CharField(max_length=40, widget=forms.HiddenInput, required=False)
    environment = forms.ChoiceField(
        choices=[("live", "Live"), ("sandbox", "Sandbox")], initial="live", label="Environment"
    )
    scopes = forms.MultipleChoiceField(
        choices=[(scope, scope) for scope in SCOPES], initial=DEFAULT_SCOPES, widget=forms.CheckboxSelectMultiple,
        label="Scopes",
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class KeyRow:
    id: str
    name: str
    prefix: str
    environment: str
    scopes: list[str]
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None
    revoked: bool


@dataclass(frozen=True, slots=True)
class CreatedKey:
    name: str
    secret: str


@login_required
@require_safe
def workspace(request: HttpRequest) -> HttpResponse:
    """Name, plan and members."""
    caller = current.principal(request)
    view = workspaces.overview(workspace_id=caller.workspace_id)
    return render(request, "accounts/workspace.html", {"workspace": view})


@login_required
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def keys(request: HttpRequest) -> HttpResponse:
    """Lists keys; a POST makes one and shows its secret this one time."""
    caller = current.principal(request)
    require(caller, "keys:write")
    created = None
    form = ApiKeyForm(request.POST or None, initial=_fresh_form())
    if request.method == "POST" and form.is_valid() and not _first_time(form.cleaned_data["token"]):
        # The page was reloaded: its secret is not shown twice, and no second key is made.
        return redirect("api-keys")
    if request.method == "POST" and form.is_valid():
        made = api_keys.create(
            workspace_id=caller.workspace_id, user_id=caller.user_id, name=form.cleaned_data["name"],
            scopes=form.cleaned_data["scopes"], sandbox=form.cleaned_data["environment"] == "sandbox",
            actor=caller.actor, at=timezone.now(),
        )  # fmt: skip
        created = CreatedKey(form.cleaned_data["name"], made.secret)
        form = ApiKeyForm(initial=_fresh_form())
    rows = [_row(key) for key in api_keys.list_for(workspace_id=caller.workspace_id)]
    response = render(request, "accounts/api_keys.html", {"keys": rows, "form": form, "created": created})
    response["Cache-Control"] = "no-store"
    return response


@login_required
@require_POST
def revoke_key(request: HttpRequest, public_id: str) -> HttpResponse:
    """Ends a key at once."""
    caller = current.principal(request)
    require(caller, "keys:write")
    key_id = from_public("key", public_id)
    if key_id is None:
        raise NotFound
    api_keys.revoke(workspace_id=caller.workspace_id, key_id=key_id, actor=caller.actor, at=timezone.now())
    messages.success(request, "The key was revoked. It no longer works.")
    return redirect("api-keys")


def _fresh_form() -> dict[str, object]:
    return {"environment": "live", "scopes": DEFAULT_SCOPES, "token": str(uuid7())}


def _first_time(token: str) -> bool:
    return not token or bool(cache.add(f"api-key-form:{token}", 1, 86_400))


def _row(key: ApiKey) -> KeyRow:
    return KeyRow(
        id=to_public("key", key.id), name=key.name, prefix=key.prefix,
        environment="sandbox" if key.sandbox else "live", scopes=list(key.scopes), created_at=key.created_at,
        last_used_at=key.last_used_at, expires_at=key.expires_at, revoked=key.revoked_at is not None,
    )  # fmt: skip
