"""The local launcher behind `make run` and `make test`.

Standard library only: it starts before Django is imported, and stays small while everything else restarts.
"""
