"""Operators' pages. Each module registers its own."""

from generation.admin import dead_letters, jobs

__all__ = ["dead_letters", "jobs"]
