from django.db import models


class Rule(models.Model):
    """Words that an operator does not want made into pictures. Matched whole, after normalisation."""

    phrase = models.CharField(max_length=120, unique=True)
    category = models.CharField(max_length=40)
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.category}: {self.phrase}"
