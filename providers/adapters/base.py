"""The protocol that adapters implement, under the name by which they import it."""

from providers.contracts import Adapter

__all__ = ["Adapter"]
