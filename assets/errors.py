from core.errors import DomainError


class LinkExpired(DomainError):
    code = "not_found"
    status = 404
    title = "This link has expired or was never valid."


class UnreadableOutput(Exception):
    """A result that is not the file it should be. Never shown; the attempt records it as bad output."""
