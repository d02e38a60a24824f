"""How long things may take: by modality, and by what a model's file says of itself."""

from collections.abc import Mapping
from dataclasses import dataclass

from providers.contracts import Revision


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds. `submit`: until the provider accepts or, if it answers at once, delivers. `deadline`: the whole attempt.
    `check`: one look. `first_poll` and `slowest_poll` bound the pauses between looks. `doubt`: how long an unknown
    outcome is asked about.
    """

    submit: float
    deadline: float
    check: float = 30.0
    first_poll: float = 1.0
    slowest_poll: float = 3.0
    doubt: float = 300.0


_BY_TASK: Mapping[str, Times] = {
    "text": Times(submit=600, deadline=600),
    "image": Times(submit=240, deadline=240),
    "speech": Times(submit=120, deadline=120),
    "music": Times(submit=300, deadline=600, first_poll=2, slowest_poll=5),
    "song": Times(submit=300, deadline=600, first_poll=2, slowest_poll=5),
    "video": Times(submit=60, deadline=1800, first_poll=5, slowest_poll=20),
}
_OTHER = Times(submit=240, deadline=600)


def of(revision: Revision) -> Times:
    """The times of a model: its modality's, unless its `latency` says `submit_s`, `deadline_s` or `doubt_s`."""
    usual = _BY_TASK.get(str(revision.spec.get("task", "")), _OTHER)
    said = revision.spec.get("latency", {})
    deadline = float(said.get("deadline_s", usual.deadline))
    return Times(
        submit=min(float(said.get("submit_s", usual.submit)), deadline), deadline=deadline, check=usual.check,
        first_poll=usual.first_poll, slowest_poll=usual.slowest_poll, doubt=float(said.get("doubt_s", usual.doubt)),
    )  # fmt: skip
