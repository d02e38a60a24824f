"""The gallery, an asset's page, and the files behind signed links."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import orjson
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.files.storage import default_storage
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts import current
from accounts.permissions import require
from assets import delivery, library, selectors
from assets.selectors import AssetView
from core.errors import NotFound
from core.ids import from_public, to_public
from core.pagination import read_cursor, write_cursor

_PAGE = 40
_TYPES = {"png": "image/png", "jpg": "image/jpeg", "webp": "image/webp"}
_RANGE = re.compile(r"^bytes=([0-9]{0,15})-([0-9]{0,15})$")


@dataclass(frozen=True, slots=True)
class Tile:
    id: str
    url: str
    thumb_url: str
    alt: str
    width: int
    height: int
    created_at: datetime
    model_name: str
    procedural: bool


@dataclass(frozen=True, slots=True)
class AssetPage:
    """An asset with everything its page shows."""

    id: str
    url: str
    original_url: str
    prompt: str
    alt: str
    width: int
    height: int
    size_label: str
    media_type: str
    created_at: datetime
    model_name: str
    model_version: str
    seed: int | None
    style: str
    procedural: bool
    digital_source: str
    credits: int | None
    job_id: str
    recall_url: str
    sha256: str


@login_required
@require_safe
def gallery(request: HttpRequest) -> HttpResponse:
    """Everything that was made, newest first; more rows arrive as the page is scrolled."""
    caller = current.principal(request)
    query = request.GET.get("q", "").replace("\x00", "").strip()[:200]
    found = selectors.gallery(
        workspace_id=caller.workspace_id, sandbox=caller.sandbox, at=timezone.now(), limit=_PAGE + 1, query=query,
        before=read_cursor(request.GET.get("cursor")),
    )  # fmt: skip
    following = ""
    if len(found) > _PAGE:
        extra = {"q": query} if query else {}
        following = f"{reverse('gallery')}?{urlencode({**extra, 'cursor': write_cursor(found[_PAGE - 1].id)})}"
    context = {
        "tiles": [_tile(item) for item in found[:_PAGE]], "next_url": following, "query": query,
        "is_filtered": bool(query),
    }  # fmt: skip
    more = getattr(request, "htmx", False) and "cursor" in request.GET
    return render(request, "assets/_grid.html" if more else "assets/gallery.html", context)


@login_required
@require_safe
def asset(request: HttpRequest, public_id: str) -> HttpResponse:
    """One asset, with what made it and how to make it again."""
    caller = current.principal(request)
    found = selectors.get(
        workspace_id=caller.workspace_id, asset_id=_id(public_id), sandbox=caller.sandbox, at=timezone.now()
    )
    newer, older = selectors.neighbours(workspace_id=caller.workspace_id, sandbox=caller.sandbox, asset_id=found.id)
    context = {
        "asset": _page(found), "prev_url": _link(newer), "next_url": _link(older), "curl": _curl(found),
    }  # fmt: skip
    return render(request, "assets/asset.html", context)


@login_required
@require_safe
def download(request: HttpRequest, public_id: str) -> HttpResponse:
    """To a link that saves the original."""
    caller = current.principal(request)
    return redirect(
        selectors.download_link(
            workspace_id=caller.workspace_id, asset_id=_id(public_id), sandbox=caller.sandbox, at=timezone.now()
        )
    )


@login_required
@require_POST
def trash(request: HttpRequest, public_id: str) -> HttpResponse:
    """Out of the gallery, and back to it."""
    caller = current.principal(request)
    require(caller, "assets:write")
    library.trash(workspace_id=caller.workspace_id, asset_id=_id(public_id), at=timezone.now())
    messages.success(request, "Moved to the trash. The gallery's Trash has the way back.")
    return redirect("gallery")


@login_required
@require_safe
def trash_page(request: HttpRequest) -> HttpResponse:
    """What was trashed, each with the way back."""
    caller = current.principal(request)
    found = selectors.trashed(workspace_id=caller.workspace_id, sandbox=caller.sandbox, at=timezone.now())
    return render(request, "assets/trash.html", {"tiles": [_tile(item) for item in found]})


@login_required
@require_POST
def restore(request: HttpRequest, public_id: str) -> HttpResponse:
    """Back into the gallery."""
    caller = current.principal(request)
    require(caller, "assets:write")
    library.restore(workspace_id=caller.workspace_id, asset_id=_id(public_id))
    messages.success(request, "The picture is back in your gallery.")
    return redirect("gallery-trash")


@require_safe
def media(request: HttpRequest, signature: str, until: int, storage_key: str) -> HttpResponseBase:
    """A file on the local disk, for whoever holds a link that we signed and that has not ended."""
    name = request.GET.get("dl", "")
    delivery.check(signature=signature, until=until, storage_key=storage_key, download_as=name, at=timezone.now())
    ending = storage_key.rsplit(".", 1)[-1]
    try:
        file = default_storage.open(storage_key)
    except FileNotFoundError as exc:
        raise NotFound from exc
    response = _ranged(request, file, file.size)
    response["Content-Type"] = _TYPES.get(ending, "application/octet-stream")
    response["Content-Disposition"] = f'attachment; filename="{name}"' if name else "inline"
    response["Cache-Control"] = f"private, max-age={settings.ASSETS_LINK_SECONDS}, immutable"
    response["Accept-Ranges"] = "bytes"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    return response


def _ranged(request: HttpRequest, file: Any, size: int) -> HttpResponseBase:
    """The whole file, or the one range that was asked for (RFC 9110, section 14)."""
    match = _RANGE.match(request.headers.get("Range", ""))
    if match is None or match.groups() == ("", ""):
        return FileResponse(file)
    first, last = match.groups()
    start = int(first) if first else max(0, size - int(last))
    end = min(int(last), size - 1) if first and last else size - 1
    if start > end or start >= size:
        file.close()
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    response = StreamingHttpResponse(_slice(file, start, end - start + 1), status=206)
    response["Content-Range"] = f"bytes {start}-{end}/{size}"
    response["Content-Length"] = str(end - start + 1)
    return response


def _slice(file: Any, start: int, length: int) -> Iterator[bytes]:
    with file:
        file.seek(start)
        while length > 0:
            chunk = file.read(min(65_536, length))
            if not chunk:
                return
            length -= len(chunk)
            yield chunk


def _tile(item: AssetView) -> Tile:
    return Tile(
        id=to_public("ast", item.id), url=_link(item.id), thumb_url=item.urls.get("thumb", item.urls["original"]),
        alt=item.caption, width=item.width, height=item.height, created_at=item.created_at,
        model_name=_model(item)[0], procedural=_procedural(item),
    )  # fmt: skip


def _page(item: AssetView) -> AssetPage:
    name, version = _model(item)
    seed = item.meta.get("seed")
    # Another picture like it: the same words, shape and style, and a seed of its own.
    asked = {name: value for name, value in item.meta.get("recall", {}).items() if name in {"aspect_ratio", "style"}}
    recall = urlencode({"prompt": item.caption, **asked})
    return AssetPage(
        id=to_public("ast", item.id), url=item.urls.get("web", item.urls["original"]),
        original_url=item.urls["original"], prompt=item.caption, alt=item.caption, width=item.width,
        height=item.height, size_label=_size(item.size_bytes), media_type=item.media_type, created_at=item.created_at,
        model_name=name, model_version=version, seed=seed, style=str(item.meta.get("style", "")),
        procedural=_procedural(item), digital_source=str(item.meta.get("digital_source", "")),
        credits=item.meta.get("credits"),
        job_id=to_public("gen", item.source_id), recall_url=f"{reverse('studio')}?{recall}", sha256=item.sha256,
    )  # fmt: skip


def _model(item: AssetView) -> tuple[str, str]:
    slug, _, version = item.model.partition("@")
    return str(item.meta.get("model_name", slug)), version


def _procedural(item: AssetView) -> bool:
    return item.meta.get("digital_source") == "algorithmicMedia"


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1_000_000:.1f} MB" if size_bytes >= 1_000_000 else f"{max(1, size_bytes // 1000)} KB"


def _curl(item: AssetView) -> str:
    asked = item.meta.get("recall", {})
    body = {"prompt": item.caption, **asked, "seed": item.meta.get("seed")}
    text = orjson.dumps({"pipeline": "image", "model": item.model, "input": body}).decode().replace("'", "'\\''")
    return (
        f"curl {settings.SITE_URL}/api/v1/generations \\\n"
        '  -H "Authorization: Bearer $WILDMIND_API_KEY" \\\n'
        '  -H "Idempotency-Key: $(uuidgen)" \\\n'
        f"  --json '{text}'"
    )


def _link(asset_id: UUID | None) -> str:
    return reverse("asset", args=[to_public("ast", asset_id)]) if asset_id else ""


def _id(public_id: str) -> UUID:
    found = from_public("ast", public_id)
    if found is None:
        raise NotFound
    return found
