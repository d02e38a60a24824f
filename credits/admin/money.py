"""Wallets, lots, holds and the journal, read-only; credits and limits move through verbs."""

from datetime import timedelta
from typing import Any, cast

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
from core.errors import DomainError
from core.ids import uuid7
from credits import ledger, quotas
from credits.ledger import Terms
from credits.models import Allowance, Entry, Hold, Lot, Notice, Posting, Quote, SpendLimit, UsageRecord, Wallet


class GrantForm(forms.Form):
    """Credits given by hand, or with a minus a correction downwards, and why. `token` makes a double click one deed."""

    amount = forms.IntegerField(min_value=-1_000_000, max_value=1_000_000, label="Credits",
                                help_text="With a minus they are taken away: only what can be used.")  # fmt: skip
    days = forms.IntegerField(min_value=1, max_value=3650, required=False, label="Lives for (days)",
                              help_text="For ever if left empty; a correction downwards has none.")  # fmt: skip
    reason = forms.CharField(max_length=200, label="Reason", help_text="Shown to the person and kept in the audit log.")
    token = forms.UUIDField(widget=forms.HiddenInput)

    def clean_amount(self) -> int:
        amount: int = self.cleaned_data["amount"]
        if amount == 0:
            raise forms.ValidationError("Nothing is no amount.")
        return amount


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
            try:
                self._grant(request, wallet, form.cleaned_data)
                return HttpResponseRedirect(reverse("admin:credits_wallet_change", args=[wallet.pk]))
            except DomainError as exc:
                form.add_error("amount", exc.detail)
        context = {**self.admin_site.each_context(request), "form": form, "wallet": wallet, "opts": self.opts,
                   "title": f"Grant credits to {wallet.workspace.name}"}  # fmt: skip
        return render(request, "admin/credits/wallet/grant.html", context)

    def _grant(self, request: HttpRequest, wallet: Wallet, data: dict[str, Any]) -> None:
        now, actor, amount = timezone.now(), f"user:{request.user.pk}", data["amount"]
        reference = f"admin:{data['token']}"
        if amount > 0:
            ends_at = now + timedelta(days=data["days"]) if data["days"] else None
            granted = ledger.grant(
                workspace_id=wallet.workspace_id, amount=amount, terms=Terms(Lot.Origin.GOODWILL, ends_at),
                reference=reference, at=now, sandbox=wallet.sandbox, reason=data["reason"], actor=actor,
            )  # fmt: skip
        else:
            granted = ledger.adjust(
                workspace_id=wallet.workspace_id, amount=amount, reference=reference, reason=data["reason"],
                actor=actor, at=now, sandbox=wallet.sandbox,
            )  # fmt: skip
        if granted:
            audit.record(
                action="credits.granted" if amount > 0 else "credits.taken", actor=actor, at=now,
                workspace_id=wallet.workspace_id, target=f"wallet:{wallet.pk}", reason=f"{amount}: {data['reason']}",
            )  # fmt: skip
        done = f"Granted {amount} credits." if amount > 0 else f"Took {-amount} credits away."
        text = done if granted else "This was already done."
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


@admin.register(Allowance)
class AllowanceAdmin(ReadOnlyAdmin[Allowance]):
    list_display = ("reference", "wallet", "amount", "periods", "next_at", "ends_at")
    search_fields = ("reference", "=wallet__workspace__id")
    list_select_related = ("wallet",)


@admin.register(UsageRecord)
class UsageRecordAdmin(ReadOnlyAdmin[UsageRecord]):
    """What was used, for how many credits, beside what it cost us."""

    list_display = ("at", "workspace", "model", "quantity", "unit", "credits", "cost_usd_micros", "cost_source")
    list_filter = ("pipeline", "sandbox")
    search_fields = ("=job_id", "=workspace__id", "model")
    list_select_related = ("workspace",)


@admin.register(SpendLimit)
class SpendLimitAdmin(admin.ModelAdmin[SpendLimit]):
    """Limits are set through `credits.quotas`, which counts what their period has already used."""

    list_display = ("wallet", "scope", "subject", "period", "amount")
    list_filter = ("scope", "period")
    search_fields = ("subject", "=wallet__workspace__id")
    list_select_related = ("wallet__workspace",)
    autocomplete_fields = ("wallet",)
    fields = ("wallet", "scope", "subject", "period", "amount")
    actions = None

    def get_readonly_fields(self, request: HttpRequest, obj: SpendLimit | None = None) -> tuple[str, ...]:
        return ("wallet", "scope", "subject", "period") if obj else ()

    def save_model(self, request: HttpRequest, obj: SpendLimit, form: Any, change: Any) -> None:
        self._set(request, obj, obj.amount)
        # The verb made or changed the row; the admin goes on with that one.
        obj.pk = SpendLimit.objects.values_list("pk", flat=True).get(
            wallet=obj.wallet, scope=obj.scope, subject=obj.subject, period=obj.period
        )

    def delete_model(self, request: HttpRequest, obj: SpendLimit) -> None:
        self._set(request, obj, None)

    def _set(self, request: HttpRequest, limit: SpendLimit, amount: int | None) -> None:
        now, wallet = timezone.now(), limit.wallet
        quotas.set_limit(
            workspace_id=wallet.workspace_id, scope=cast("quotas.Scope", limit.scope), subject=limit.subject,
            period=cast("quotas.Period", limit.period), amount=amount, at=now, sandbox=wallet.sandbox,
        )  # fmt: skip
        audit.record(action="spend_limit.set", actor=f"user:{request.user.pk}", at=now,
                     workspace_id=wallet.workspace_id, target=f"{limit.scope}:{limit.subject}",
                     reason=f"{amount} a {limit.period}")  # fmt: skip


@admin.register(Notice)
class NoticeAdmin(ReadOnlyAdmin[Notice]):
    """`sending` that stays so is a mail of a process that died: it may have gone out, and is not sent again."""

    list_display = ("raised_at", "kind", "wallet", "amount", "state", "tries", "next_try_at", "sent_at")
    list_filter = ("state", "kind")
    search_fields = ("=wallet__workspace__id",)
    list_select_related = ("wallet",)
