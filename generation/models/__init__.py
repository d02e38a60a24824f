from generation.models.attempt import Attempt
from generation.models.dead_letter import DeadLetter
from generation.models.event import Event
from generation.models.fairness import Flow, Lane, Load, Window
from generation.models.job import Job
from generation.models.made_good import MadeGood
from generation.models.outlook import Expectation, Pace, Punctuality, Service
from generation.models.step import Step

__all__ = [
    "Attempt",
    "DeadLetter",
    "Event",
    "Expectation",
    "Flow",
    "Job",
    "Lane",
    "Load",
    "MadeGood",
    "Pace",
    "Punctuality",
    "Service",
    "Step",
    "Window",
]
