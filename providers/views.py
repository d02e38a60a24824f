"""The workspace's page of its own connections to providers."""

from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts import current
from accounts.permissions import require
from core.errors import FieldsRejected, NotFound
from core.ids import from_public, to_public
from core.secrets import Secret
from providers import connecting
from providers.connecting import Draft

_PREFIX = "con"


def _kinds() -> list[tuple[str, str]]:
    return [(kind, kind.replace("_", " ").capitalize()) for kind in connecting.kinds()]


class ConnectionForm(forms.Form):
    """An endpoint or an account of the workspace's own."""

    kind = forms.ChoiceField(label="Provider", choices=_kinds)
    name = forms.CharField(max_length=80, label="Name")
    base_url = forms.CharField(
        max_length=300, required=False, label="Address", help_text="Only for a server of your own, or another region."
    )
    secret = forms.CharField(
        required=False, label="Key", help_text="Stored sealed and never shown again.",
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )  # fmt: skip


@login_required
@sensitive_post_parameters("secret")
@require_http_methods(["GET", "HEAD", "POST"])
def own(request: HttpRequest) -> HttpResponse:
    """Lists connections; a POST makes one, once its provider has answered."""
    caller = current.principal(request)
    require(caller, "workspace:admin")
    form = ConnectionForm(request.POST or None)
    if request.method == "POST" and form.is_valid() and _saved(form, caller):
        messages.success(request, "Connected. Your work on its models goes over it from now on.")
        return redirect("connections")
    found = [(to_public(_PREFIX, row.id), row) for row in connecting.of_workspace(workspace_id=caller.workspace_id)]
    response = render(request, "providers/connections.html", {"connections": found, "form": form})
    response["Cache-Control"] = "no-store"
    return response


@login_required
@require_POST
def test(request: HttpRequest, public_id: str) -> HttpResponse:
    """Asks the provider whether it knows the key."""
    caller = current.principal(request)
    require(caller, "workspace:admin")
    found = connecting.test(connection_id=_id(public_id), workspace_id=caller.workspace_id, at=timezone.now())
    if found.checked_ok:
        messages.success(request, f"{found.name} answers.")
    else:
        messages.error(request, f"{found.name} does not answer: {found.checked_detail}")
    return redirect("connections")


@login_required
@require_POST
def remove(request: HttpRequest, public_id: str) -> HttpResponse:
    """Forgets a connection and its key."""
    caller = current.principal(request)
    require(caller, "workspace:admin")
    connecting.remove(
        connection_id=_id(public_id), workspace_id=caller.workspace_id, actor=caller.actor, at=timezone.now()
    )  # fmt: skip
    messages.success(request, "The connection and its key are gone.")
    return redirect("connections")


def _saved(form: ConnectionForm, caller: current.Principal) -> bool:
    given = form.cleaned_data
    secret = Secret(given["secret"]) if given["secret"] else None
    draft = Draft(kind=given["kind"], name=given["name"], base_url=given["base_url"], secret=secret)
    try:
        connecting.save(draft=draft, workspace_id=caller.workspace_id, actor=caller.actor, at=timezone.now())
    except FieldsRejected as exc:
        for fault in exc.extra["errors"]:
            form.add_error(fault["field"] if fault["field"] in form.fields else None, fault["reason"])
        return False
    return True


def _id(public_id: str) -> UUID:
    found = from_public(_PREFIX, public_id)
    if found is None:
        raise NotFound
    return found
