"""The wallet over HTTP."""

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import current
from core import pagination
from core.errors import FieldsRejected
from core.ids import to_public
from core.openapi import CURSOR, LIMIT, describe, listing
from credits import selectors

_LOT = {
    "type": "object",
    "properties": {
        "id": {"type": "string"}, "origin": {"type": "string"}, "amount": {"type": "integer"},
        "remaining": {"type": "integer"}, "expires_at": {"type": ["string", "null"], "format": "date-time"},
    },
    "required": ["id", "origin", "amount", "remaining", "expires_at"],
}  # fmt: skip
_WALLET = {
    "type": "object",
    "properties": {
        "object": {"const": "wallet"}, "sandbox": {"type": "boolean"}, "available": {"type": "integer"},
        "held": {"type": "integer"}, "debt": {"type": "integer"},
        "next_expiry": {"type": ["object", "null"], "properties": {
            "amount": {"type": "integer"}, "at": {"type": "string", "format": "date-time"}}},
        "lots": {"type": "array", "items": _LOT},
    },
    "required": ["object", "sandbox", "available", "held", "debt", "next_expiry", "lots"],
}  # fmt: skip
_TRANSACTION = {
    "type": "object",
    "properties": {
        "id": {"type": "string"}, "kind": {"type": "string"}, "amount": {"type": "integer"},
        "balance": {"type": "integer"}, "reason": {"type": "string"}, "at": {"type": "string", "format": "date-time"},
    },
    "required": ["id", "kind", "amount", "balance", "reason", "at"],
}  # fmt: skip


class Wallet(APIView):
    """`GET /wallet`: what can be used, what is held, and from which lots."""

    scopes = {"GET": "wallet:read"}

    @describe(operation="getWallet", summary="Read the wallet", answers={200: _WALLET})
    def get(self, request: Request) -> Response:
        caller, now = current.principal(request), timezone.now()
        balance = selectors.balance(workspace_id=caller.workspace_id, sandbox=caller.sandbox, at=now)
        lots = selectors.spendable_lots(wallet_id=balance.wallet_id, at=now)
        ending = selectors.next_expiry(lots)
        return Response(
            {
                "object": "wallet", "sandbox": caller.sandbox, "available": balance.available, "held": balance.held,
                "debt": balance.debt,
                "next_expiry": {"amount": ending.remaining, "at": ending.expires_at} if ending else None,
                "lots": [
                    {"id": to_public("lot", lot.id), "origin": lot.origin, "amount": lot.amount,
                     "remaining": lot.remaining, "expires_at": lot.expires_at}
                    for lot in lots
                ],
            }
        )  # fmt: skip


class Transactions(APIView):
    """`GET /wallet/transactions`: the statement, newest first, with the balance after each line."""

    scopes = {"GET": "wallet:read"}

    @describe(operation="listTransactions", summary="Read the statement", answers={200: listing(_TRANSACTION)},
              problems=(400,), parameters=(LIMIT, CURSOR))  # fmt: skip
    def get(self, request: Request) -> Response:
        caller = current.principal(request)
        limit = pagination.read_limit(request.query_params.get("limit"))
        wallet = selectors.balance(workspace_id=caller.workspace_id, sandbox=caller.sandbox, at=timezone.now())
        rows = selectors.statement(wallet_id=wallet.wallet_id, before=_before(request), limit=limit + 1)
        shown = rows[:limit]
        more = len(rows) > limit
        data = [
            {"id": f"txn_{row.id}", "kind": row.kind, "amount": row.amount, "balance": row.balance,
             "reason": row.reason, "at": row.at}
            for row in shown
        ]  # fmt: skip
        return Response(
            {"object": "list", "data": data, "has_more": more, "next_cursor": str(shown[-1].id) if more else None}
        )


def _before(request: Request) -> int | None:
    raw = request.query_params.get("cursor")
    if not raw:
        return None
    if not raw.isascii() or not raw.isdigit() or len(raw) > 18:
        raise FieldsRejected([{"field": "cursor", "reason": "is not a cursor that we gave"}])
    return int(raw)
