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
from credits import ledger
from credits.ledger import Terms
from credits.models import Entry, Hold, Lot, Notice, Posting, Quote, Wallet


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
            workspace_id=wallet.workspace_id, amount=data["amount"], terms=Terms(Lot.Origin.GOODWILL),
            reference=f"admin:{data['token']}", at=now, sandbox=wallet.sandbox, reason=data["reason"], actor=actor,
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


@admin.register(Notice)
class NoticeAdmin(ReadOnlyAdmin[Notice]):
    """`sending` that stays so is a mail of a process that died: it may have gone out, and is not sent again."""

    list_display = ("raised_at", "kind", "wallet", "amount", "state", "tries", "next_try_at", "sent_at")
    list_filter = ("state", "kind")
    search_fields = ("=wallet__workspace__id",)
    list_select_related = ("wallet",)
