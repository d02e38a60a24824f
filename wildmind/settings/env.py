"""Reading settings from the environment: typed, bounded, and with a sentence when a value is wrong."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


def env_str(name: str, *, default: str | None = None) -> str:
    """The variable's text. Raises ImproperlyConfigured when it is unset and has no default."""
    value = os.environ.get(name, default)
    if value is None:
        raise ImproperlyConfigured(f"{name} is not set. See docs/configuration.md.")
    return value


def env_secret(name: str, *, default: str | None = None) -> str:
    """A secret: the content of the file named by `NAME_FILE` if that is set, else the variable itself."""
    path = os.environ.get(f"{name}_FILE")
    if path:
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except OSError as exc:
            raise ImproperlyConfigured(f"{name}_FILE names {path!r}, which cannot be read.") from exc
    return env_str(name, default=default)


def env_int(name: str, *, default: int, minimum: int | None = None, maximum: int | None = None) -> int:
    """A whole number within its bounds."""
    raw = os.environ.get(name, "")
    if raw == "":
        return default
    try:
        value = int(raw)
    except ValueError as exc:
        raise ImproperlyConfigured(f"{name}={raw!r} is not a whole number.") from exc
    if minimum is not None and value < minimum:
        raise ImproperlyConfigured(f"{name}={value} is below {minimum}.")
    if maximum is not None and value > maximum:
        raise ImproperlyConfigured(f"{name}={value} is above {maximum}.")
    return value


def env_bool(name: str, *, default: bool) -> bool:
    """True for 1, true, yes, on; False for 0, false, no, off; anything else is an error."""
    raw = os.environ.get(name, "").strip().lower()
    if raw == "":
        return default
    if raw in {"1", "true", "yes", "on"}:
        return True
    if raw in {"0", "false", "no", "off"}:
        return False
    raise ImproperlyConfigured(f"{name}={raw!r} is neither true nor false.")


def env_choice(name: str, *, default: str, among: tuple[str, ...]) -> str:
    """One of a few words."""
    value = os.environ.get(name, "") or default
    if value not in among:
        raise ImproperlyConfigured(f"{name}={value!r} is none of: {', '.join(among)}.")
    return value


def env_list(name: str, *, default: str = "") -> list[str]:
    """Comma-separated values, trimmed, empty ones dropped."""
    return [part.strip() for part in os.environ.get(name, default).split(",") if part.strip()]


def counts(name: str, pairs: list[str]) -> dict[str, int]:
    """`key=number` pairs of the variable `name` as a map; numbers are whole and above zero."""
    found = {}
    for pair in pairs:
        key, _, number = pair.partition("=")
        if not key.strip() or not number.strip().isdecimal() or int(number) < 1:
            raise ImproperlyConfigured(f"{name}: {pair!r} does not have the form key=number, such as acme=20.")
        found[key.strip()] = int(number)
    return found


def kept_secret(path: Path) -> str:
    """A secret of this installation's own, made at the first call and readable by its user alone."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(f"local-only-{secrets.token_urlsafe(48)}", encoding="utf-8")
        # Whoever is first wins; several processes may start at once.
        with suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    return path.read_text(encoding="utf-8")
