from credits.admin import money, prices

__all__ = ["money", "prices"]
