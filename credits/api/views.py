"""The wallet over HTTP."""

from datetime import UTC, datetime
from uuid import UUID

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import current
from core import pagination
from core.errors import FieldsRejected
from core.ids import to_public
from core.openapi import CURSOR, LIMIT, describe, listing
from credits import forecast, quotas, selectors, subjects, usage, wording

_LOT = {
    "type": "object",
    "properties": {
        "id": {"type": "string"}, "origin": {"type": "string"}, "amount": {"type": "integer"},
        "remaining": {"type": "integer"}, "expires_at": {"type": ["string", "null"], "format": "date-time"},
    },
    "required": ["id", "origin", "amount", "remaining", "expires_at"],
}  # fmt: skip
_LIMIT = {
    "type": "object",
    "properties": {
        "scope": {"enum": ["wallet", "key", "member", "model"]}, "subject": {"type": "string"},
        "period": {"enum": ["day", "month", "total"]}, "amount": {"type": "integer"}, "used": {"type": "integer"},
    },
    "required": ["scope", "subject", "period", "amount", "used"],
}  # fmt: skip
_WALLET = {
    "type": "object",
    "properties": {
        "object": {"const": "wallet"}, "sandbox": {"type": "boolean"}, "available": {"type": "integer"},
        "held": {"type": "integer"}, "debt": {"type": "integer"},
        "next_expiry": {"type": ["object", "null"], "properties": {
            "amount": {"type": "integer"}, "at": {"type": "string", "format": "date-time"}}},
        "next_refill": {"type": ["object", "null"], "properties": {
            "amount": {"type": "integer"}, "at": {"type": "string", "format": "date-time"}}},
        "forecast": {"type": ["object", "null"], "properties": {
            "lasts_days": {"type": ["integer", "null"]}, "expires_unused": {"type": "integer"},
            "used": {"type": "integer"}, "days": {"type": "integer"}}},
        "lots": {"type": "array", "items": _LOT},
        "limits": {"type": "array", "items": _LIMIT},
    },
    "required": ["object", "sandbox", "available", "held", "debt", "next_expiry", "next_refill", "forecast", "lots",
                 "limits"],
}  # fmt: skip
_TRANSACTION = {
    "type": "object",
    "properties": {
        "id": {"type": "string"}, "kind": {"type": "string"}, "amount": {"type": "integer"},
        "released": {"type": "integer"}, "moved": {"type": "integer"}, "balance": {"type": "integer"},
        "reason": {"type": "string"}, "subject": {"type": ["string", "null"]},
        "at": {"type": "string", "format": "date-time"},
    },
    "required": ["id", "kind", "amount", "released", "moved", "balance", "reason", "subject", "at"],
}  # fmt: skip
_USAGE_ROW = {
    "type": "object",
    "properties": {
        "group": {"type": ["string", "null"]}, "label": {"type": "string"}, "credits": {"type": "integer"},
        "count": {"type": "integer"},
        "units": {"type": "array", "items": {"type": "object", "properties": {
            "unit": {"type": "string"}, "quantity": {"type": "string"}}, "required": ["unit", "quantity"]}},
    },
    "required": ["group", "label", "credits", "count", "units"],
}  # fmt: skip
_USAGE = {
    "type": "object",
    "properties": {
        "object": {"const": "usage"}, "sandbox": {"type": "boolean"}, "group_by": {"enum": list(usage.GROUPS)},
        "from": {"type": "string", "format": "date"}, "to": {"type": "string", "format": "date"},
        "total_credits": {"type": "integer"}, "data": {"type": "array", "items": _USAGE_ROW},
    },
    "required": ["object", "sandbox", "group_by", "from", "to", "total_credits", "data"],
}  # fmt: skip
_KIND = OpenApiParameter("kind", str, description="Only these kinds, separated by commas: grant, capture, void, …")
_GROUP_BY = OpenApiParameter("group_by", str, enum=usage.GROUPS, description="model if left out.")
_FROM = OpenApiParameter(
    "from", OpenApiTypes.DATE, description="The first day, in UTC; 29 days before `to` if left out."
)
_TO = OpenApiParameter("to", OpenApiTypes.DATE, description="The last day, in UTC; today if left out.")
# Subjects of a group or a limit that are ids have a prefix in public.
_PREFIXES = {"key": "key", "member": "usr"}


class Wallet(APIView):
    """`GET /wallet`: what can be used, what is held, and from which lots."""

    scopes = {"GET": "wallet:read"}

    @describe(operation="getWallet", summary="Read the wallet", answers={200: _WALLET})
    def get(self, request: Request) -> Response:
        caller, now = current.principal(request), timezone.now()
        balance = selectors.balance(workspace_id=caller.workspace_id, sandbox=caller.sandbox, at=now)
        lots = selectors.spendable_lots(wallet_id=balance.wallet_id, at=now)
        ending = selectors.next_expiry(lots)
        refill = selectors.next_refill(wallet_id=balance.wallet_id, at=now)
        return Response(
            {
                "object": "wallet", "sandbox": caller.sandbox, "available": balance.available, "held": balance.held,
                "debt": balance.debt,
                "next_expiry": {"amount": ending.remaining, "at": ending.expires_at} if ending else None,
                "next_refill": {"amount": refill.amount, "at": refill.at} if refill else None,
                "forecast": _forecast(caller, lots, now),
                "lots": [
                    {"id": to_public("lot", lot.id), "origin": lot.origin, "amount": lot.amount,
                     "remaining": lot.remaining, "expires_at": lot.expires_at}
                    for lot in lots
                ],
                "limits": [
                    {"scope": limit.scope, "subject": _public(limit.scope, limit.subject), "period": limit.period,
                     "amount": limit.amount, "used": limit.used}
                    for limit in quotas.limits(workspace_id=caller.workspace_id, sandbox=caller.sandbox, at=now)
                ],
            }
        )  # fmt: skip


class Transactions(APIView):
    """`GET /wallet/transactions`: the statement, newest first, with the balance after each line."""

    scopes = {"GET": "wallet:read"}

    @describe(operation="listTransactions", summary="Read the statement", answers={200: listing(_TRANSACTION)},
              problems=(400,), parameters=(LIMIT, CURSOR, _KIND))  # fmt: skip
    def get(self, request: Request) -> Response:
        caller = current.principal(request)
        limit = pagination.read_limit(request.query_params.get("limit"))
        wallet = selectors.balance(workspace_id=caller.workspace_id, sandbox=caller.sandbox, at=timezone.now())
        rows = selectors.statement(
            wallet_id=wallet.wallet_id, before=_before(request), limit=limit + 1, kinds=_kinds(request)
        )
        shown = rows[:limit]
        more = len(rows) > limit
        data = [
            {"id": f"txn_{row.id}", "kind": row.kind, "amount": row.amount, "released": row.released,
             "moved": row.moved, "balance": row.balance, "reason": row.reason,
             "subject": subjects.public_id(row.subject) or None, "at": row.at}
            for row in shown
        ]  # fmt: skip
        return Response(
            {"object": "list", "data": data, "has_more": more, "next_cursor": str(shown[-1].id) if more else None}
        )


class Usage(APIView):
    """`GET /usage`: what was used, in the models' own units, and what it took. Sandbox keys see the sandbox."""

    scopes = {"GET": "wallet:read"}

    @describe(operation="getUsage", summary="Read the usage", answers={200: _USAGE}, problems=(400,),
              parameters=(_GROUP_BY, _FROM, _TO))  # fmt: skip
    def get(self, request: Request) -> Response:
        caller, asked = current.principal(request), request.query_params
        group_by = asked.get("group_by") or "model"
        if group_by not in usage.GROUPS:
            raise FieldsRejected([{"field": "group_by", "reason": f"must be one of {', '.join(usage.GROUPS)}"}])
        period = usage.read_period(
            first=asked.get("from", ""), last=asked.get("to", ""), today=timezone.now().astimezone(UTC).date()
        )
        rows = usage.grouped(
            workspace_id=caller.workspace_id, sandbox=caller.sandbox, period=period, group_by=group_by
        )  # fmt: skip
        return Response(
            {
                "object": "usage", "sandbox": caller.sandbox, "group_by": group_by, "from": period.first,
                "to": period.last, "total_credits": sum(row.credits for row in rows),
                "data": [
                    {"group": None if row.value is None else _public(group_by, str(row.value)), "label": row.label,
                     "credits": row.credits, "count": row.count,
                     "units": [{"unit": used.unit, "quantity": usage.plain(used.quantity)} for used in row.units]}
                    for row in rows
                ],
            }
        )  # fmt: skip


def _forecast(caller: current.Principal, lots: list[selectors.LotView], at: datetime) -> dict[str, int | None] | None:
    pace = forecast.pace(workspace_id=caller.workspace_id, sandbox=caller.sandbox, at=at)
    found = forecast.forecast(lots=lots, used=pace, at=at)
    if found is None:
        return None
    return {"lasts_days": found.lasts_days, "expires_unused": found.unused, "used": pace.used, "days": pace.days}


def _public(what: str, subject: str) -> str:
    prefix = _PREFIXES.get(what)
    return to_public(prefix, UUID(subject)) if prefix else subject


def _kinds(request: Request) -> list[str]:
    raw = request.query_params.get("kind", "")
    kinds = [kind for kind in raw.split(",") if kind]
    if unknown := [kind for kind in kinds if kind not in wording.KINDS]:
        raise FieldsRejected([{"field": "kind", "reason": f"{unknown[0][:40]!r} is not a kind of line"}])
    return kinds


def _before(request: Request) -> int | None:
    raw = request.query_params.get("cursor")
    if not raw:
        return None
    if not raw.isascii() or not raw.isdigit() or len(raw) > 18:
        raise FieldsRejected([{"field": "cursor", "reason": "is not a cursor that we gave"}])
    return int(raw)
