"""The parts put together: what the command line calls, and what a Python user does."""

from dse.api.calibrating import calibrate_space as calibrate_space
from dse.api.calibrating import calibrate_study as calibrate_study
from dse.api.exploring import Spending as Spending
from dse.api.exploring import Start as Start
from dse.api.exploring import confirm as confirm
from dse.api.exploring import explore as explore
from dse.api.studies import ReplaySetting as ReplaySetting
from dse.api.studies import replay_study as replay_study
from dse.api.studies import verify_study as verify_study
from dse.api.studies import write_views as write_views
from dse.api.training import find_rate as find_rate
from dse.api.training import train as train
