"""The rate card: prices in force, upcoming and past, with their margins."""

import hashlib
from dataclasses import replace

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from core.admin import ReadOnlyAdmin
from credits import rates
from credits.errors import RateRefused
from credits.models import Price
from credits.rate_checks import MOST_CREDITS, Terms
from credits.rates import Change


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
