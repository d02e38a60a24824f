"""The door for providers' webhooks. What they say is never believed: it makes us ask."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from core.errors import NotFound
from generation import waking
from providers.errors import BadSignature

_MOST_BYTES = 1_000_000


@csrf_exempt
@require_POST
def provider(request: HttpRequest, token: UUID) -> HttpResponse:
    """An unknown token and a wrong signature get the same answer, so that nobody learns which tokens exist."""
    if int(request.headers.get("Content-Length") or 0) > _MOST_BYTES:
        return HttpResponse(status=413)
    try:
        waking.wake(token=token, headers=request.headers, body=request.body, at=timezone.now())
    except (NotFound, BadSignature):
        return HttpResponse(status=404)
    return HttpResponse(status=204)
