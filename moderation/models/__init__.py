from moderation.models.rule import Rule
from moderation.models.screening import Screening

__all__ = ["Rule", "Screening"]
