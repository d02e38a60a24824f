from core.errors import DomainError


class ContentBlocked(DomainError):
    code = "content_blocked"
    status = 403
    title = "This site's rules do not allow this prompt."

    def __init__(self, *, category: str, field: str) -> None:
        super().__init__(
            f"The rules of this site refuse it ({category}). Nothing was charged.",
            errors=[{"field": field, "reason": category}],
            category=category,
        )
