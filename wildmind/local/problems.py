"""What a person at the terminal can mend."""


class LocalProblem(Exception):
    """The message is the whole text shown: what is wrong and the way out."""


class Stopped(Exception):
    """The person asked for the end (Ctrl-C or TERM) before the start was complete."""
