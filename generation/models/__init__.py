from generation.models.attempt import Attempt
from generation.models.event import Event
from generation.models.fairness import Flow, Lane, Load, Window
from generation.models.job import Job
from generation.models.made_good import MadeGood
from generation.models.step import Step

__all__ = ["Attempt", "Event", "Flow", "Job", "Lane", "Load", "MadeGood", "Step", "Window"]
