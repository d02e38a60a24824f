import hashlib
from dataclasses import replace
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html

from accounts import audit
from core.admin import ReadOnlyAdmin, ReadOnlyInline
from core.ids import uuid7
from credits import ledger, rates
from credits.errors import RateRefused
from credits.models import Entry, Hold, Lot, Posting, Price, Quote, Wallet
from credits.rate_checks import MOST_CREDITS, Terms
from credits.rates import Change


class GrantForm(forms.Form):
    """Credits given by hand, and why. `token` makes a double click one grant."""

    amount = forms.IntegerField(min_value=1, max_value=1_000_000, label="Credits")
    reason = forms.CharField(max_length=200, label="Reason", help_text="Shown to the person and kept in the audit log.")
    token = forms.UUIDField(widget=forms.HiddenInput)


class _Lots(ReadOnlyInline[Lot]):
    model = Lot
    fields = ("origin", "reference", "amount", "remaining", "expires_at", "closed")


@admin.register(Wallet)
class WalletAdmin(ReadOnlyAdmin[Wallet]):
    """Read-only: credits move through `credits.ledger`; the grant action calls it with a reason."""

    list_display = ("workspace", "sandbox", "balance", "held", "debt", "created_at", "grant_link")
    list_filter = ("sandbox",)
    search_fields = ("=workspace__id", "workspace__name", "workspace__memberships__user__email")
    list_select_related = ("workspace",)
    inlines = (_Lots,)

    @admin.display(description="")
    def grant_link(self, wallet: Wallet) -> str:
        return format_html('<a href="{}">Grant…</a>', reverse("admin:credits_wallet_grant", args=[wallet.pk]))

    def get_urls(self) -> list[URLPattern]:
        grant = path(
            "<uuid:wallet_id>/grant/", self.admin_site.admin_view(self.grant_view), name="credits_wallet_grant"
        )
        return [grant, *super().get_urls()]

    def grant_view(self, request: HttpRequest, wallet_id: Any) -> HttpResponse:
        """Asks for an amount and a reason, then grants once."""
        if not request.user.has_perm("credits.change_wallet"):
            raise PermissionDenied
        wallet = get_object_or_404(Wallet.objects.select_related("workspace"), pk=wallet_id)
        form = GrantForm(request.POST or None, initial={"token": uuid7()})
        if request.method == "POST" and form.is_valid():
            self._grant(request, wallet, form.cleaned_data)
            return HttpResponseRedirect(reverse("admin:credits_wallet_change", args=[wallet.pk]))
        context = {**self.admin_site.each_context(request), "form": form, "wallet": wallet, "opts": self.opts,
                   "title": f"Grant credits to {wallet.workspace.name}"}  # fmt: skip
        return render(request, "admin/credits/wallet/grant.html", context)

    def _grant(self, request: HttpRequest, wallet: Wallet, data: dict[str, Any]) -> None:
        now, actor = timezone.now(), f"user:{request.user.pk}"
        granted = ledger.grant(
            workspace_id=wallet.workspace_id, amount=data["amount"], origin=Lot.Origin.GOODWILL,
            reference=f"admin:{data['token']}", at=now, expires_at=None, sandbox=wallet.sandbox,
            reason=data["reason"], actor=actor,
        )  # fmt: skip
        if granted:
            audit.record(action="credits.granted", actor=actor, at=now, workspace_id=wallet.workspace_id,
                         target=f"wallet:{wallet.pk}", reason=f"{data['amount']}: {data['reason']}")  # fmt: skip
        text = f"Granted {data['amount']} credits." if granted else "This grant was already made."
        messages.success(request, text)


@admin.register(Lot)
class LotAdmin(ReadOnlyAdmin[Lot]):
    list_display = ("reference", "wallet", "origin", "remaining", "amount", "expires_at", "closed")
    list_filter = ("origin", "closed")
    search_fields = ("reference", "=wallet__workspace__id")
    list_select_related = ("wallet",)


@admin.register(Hold)
class HoldAdmin(ReadOnlyAdmin[Hold]):
    list_display = ("reference", "state", "amount", "captured", "reason", "created_at", "expires_at", "closed_at")
    list_filter = ("state",)
    search_fields = ("reference", "=wallet__workspace__id")


class _Entries(ReadOnlyInline[Entry]):
    model = Entry
    fields = ("account", "wallet", "lot", "amount")


@admin.register(Posting)
class PostingAdmin(ReadOnlyAdmin[Posting]):
    list_display = ("at", "kind", "reference", "amount", "balance_after", "actor", "reason")
    list_filter = ("kind",)
    search_fields = ("reference", "=wallet__workspace__id")
    inlines = (_Entries,)


@admin.register(Quote)
class QuoteAdmin(ReadOnlyAdmin[Quote]):
    list_display = ("id", "workspace", "total", "created_at", "expires_at")
    search_fields = ("=id", "=workspace__id")
    list_select_related = ("workspace",)


class PriceForm(forms.Form):
    """A price to come. `seen` names the change that was shown: what was not looked at is not published."""

    model = forms.CharField(max_length=80, help_text="The model's id in the catalogue, without its pin.")
    unit = forms.ChoiceField(choices=Price.Unit.choices)
    credits = forms.DecimalField(max_digits=12, decimal_places=4, help_text="For one unit.")
    expression = forms.CharField(
        max_length=300, required=False, help_text="A multiplier, such as 2 if quality == 'high' else 1. Empty means 1."
    )
    minimum = forms.IntegerField(
        min_value=1, max_value=MOST_CREDITS, initial=1, help_text="Whole credits that a step costs at least."
    )
    cost_usd_micros = forms.IntegerField(
        min_value=0, initial=0, label="Provider's cost", help_text="For one unit, in millionths of a dollar."
    )
    effective_from = forms.DateTimeField(required=False, help_text="UTC. Empty means at once.")
    note = forms.CharField(max_length=200, required=False)
    confirmed = forms.BooleanField(required=False, label="A large change, or another unit, is meant")
    below_cost = forms.BooleanField(required=False, label="A price below the provider's cost is meant")
    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def terms(self) -> Terms:
        data = self.cleaned_data
        return Terms(
            model=data["model"], unit=data["unit"], credits=data["credits"], expression=data["expression"],
            minimum=data["minimum"], cost_usd_micros=data["cost_usd_micros"], effective_from=data["effective_from"],
            note=data["note"],
        )  # fmt: skip


@admin.register(Price)
class PriceAdmin(ReadOnlyAdmin[Price]):
    """Read-only: a price is added through `credits.rates`, after a look at what it changes, and never edited."""

    list_display = (
        "model", "standing", "unit", "credits", "expression", "minimum", "cost_usd_micros", "margin", "effective_from",
        "source", "actor",
    )  # fmt: skip
    list_filter = ("source", "unit", "model")
    search_fields = ("model", "note")
    ordering = ("model", "-effective_from", "-id")

    @admin.display(description="Standing")
    def standing(self, price: Price) -> str:
        now = timezone.now()
        if price.effective_from > now:
            return "upcoming"
        current = rates.in_force(model=price.model, at=now)
        return "in force" if current is not None and current.id == price.id else "past"

    @admin.display(description="Margin")
    def margin(self, price: Price) -> str:
        return f"{rates.as_rate(price).margin_percent} %"

    def get_urls(self) -> list[URLPattern]:
        publish = path("publish/", self.admin_site.admin_view(self.publish_view), name="credits_price_publish")
        return [publish, *super().get_urls()]

    def publish_view(self, request: HttpRequest) -> HttpResponse:
        """Shows what a price would change; published only when that very change was shown before."""
        if not request.user.has_perm("credits.add_price"):
            raise PermissionDenied
        form = PriceForm(request.POST or None)
        change = self._tried(request, form) if request.method == "POST" and form.is_valid() else None
        if change is not None and form.cleaned_data["seen"] == _seen(change, form.terms()):
            messages.success(request, f"{change}." if change.new else "The card has this price already.")
            return HttpResponseRedirect(reverse("admin:credits_price_changelist"))
        if change is not None:
            form = PriceForm({**request.POST.dict(), "seen": _seen(change, form.terms())})
        context = {**self.admin_site.each_context(request), "form": form, "change": change, "opts": self.opts,
                   "title": "Add a price"}  # fmt: skip
        return render(request, "admin/credits/price/publish.html", context)

    def _tried(self, request: HttpRequest, form: PriceForm) -> Change | None:
        """What the price changes: done when that was seen before, else only worked out. None when it is refused."""
        terms, now = form.terms(), timezone.now()
        meant = {name: form.cleaned_data[name] for name in ("confirmed", "below_cost")}
        try:
            change = rates.preview(terms=terms, source=rates.OPERATOR, at=now, **meant)
            if form.cleaned_data["seen"] != _seen(change, terms):
                return change
            actor = f"user:{request.user.pk}"
            return rates.publish(terms=terms, source=rates.OPERATOR, actor=actor, at=now, **meant)
        except RateRefused as exc:
            form.add_error(None, exc.detail)
            return None


def _seen(change: Change, terms: Terms) -> str:
    """Names a change: what is asked for, and the price that it takes over from."""
    asked = replace(terms, credits=terms.credits.normalize())
    return hashlib.sha256(repr((change.before and change.before.id, asked)).encode()).hexdigest()
