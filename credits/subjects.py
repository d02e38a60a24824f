"""What a posting was for, and where a person can see it. Apps above register theirs; the ledger knows only names.

A subject is `kind:uuid`, as in `job:0197…`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.urls import reverse

from core.ids import to_public


@dataclass(frozen=True, slots=True)
class Kind:
    """`prefix` begins public ids, `url_name` is a page that takes one. `reachable(workspace_id=, sandbox=, ids=)` gives
    those of `ids` whose page the workspace can open.
    """

    prefix: str
    url_name: str
    reachable: Callable[..., set[UUID]]


_kinds: dict[str, Kind] = {}


def register(name: str, kind: Kind) -> None:
    """Tells what subjects that begin with `name` are. Called from `apps.py: ready()`."""
    _kinds[name] = kind


def public_id(subject: str) -> str:
    """The subject's id in the API, or nothing when it has none."""
    found = _parse(subject)
    return to_public(_kinds[found[0]].prefix, found[1]) if found else ""


def links(*, workspace_id: UUID, sandbox: bool, subjects: Iterable[str]) -> Mapping[str, str]:
    """The page of each subject that still has one: one statement for each kind, however many there are."""
    wanted: dict[str, dict[UUID, str]] = {}
    for subject in subjects:
        if found := _parse(subject):
            wanted.setdefault(found[0], {})[found[1]] = subject
    pages = {}
    for name, ids in wanted.items():
        kind = _kinds[name]
        for value in kind.reachable(workspace_id=workspace_id, sandbox=sandbox, ids=list(ids)):
            pages[ids[value]] = reverse(kind.url_name, args=[to_public(kind.prefix, value)])
    return pages


def _parse(subject: str) -> tuple[str, UUID] | None:
    name, _, value = subject.partition(":")
    if name not in _kinds:
        return None
    try:
        return name, UUID(value)
    except ValueError:
        return None
