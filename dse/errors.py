"""What can go wrong, explained to the person who can mend it.

::

    DseError
    ├── InputError            the user's input is at fault; exit code 2
    │   ├── RecipeError       a recipe or the plan made of it
    │   ├── SpaceError        a search-space file
    │   ├── DataError         a data set: missing, truncated, corrupt
    │   ├── DeviceError       a device that is absent, or cannot do what is asked of it
    │   └── StudyError        a study's name, folder or contents
    └── RunError              a run failed although its input was sound; exit code 1
        ├── DeviceLostError   the device is gone, and every further run of this process would fail
        └── TrialsFailedError a study's trials fail one after the other, or its baseline did

Every message names the file or key, the value, the limit and the cure.
"""

from __future__ import annotations


class DseError(Exception):
    """Anything that dse reports to its user without a traceback.

    >>> import dse
    >>> try:
    ...     dse.Recipe(epochs=0)
    ... except dse.DseError as error:
    ...     print(error.exit_code, error)
    2 Recipe: epochs=0: Input should be greater than or equal to 1
    """

    exit_code = 1


class InputError(DseError):
    """The input cannot be used as it is."""

    exit_code = 2


class RecipeError(InputError):
    """A recipe that cannot be read, or that does not fit its data."""


class SpaceError(InputError):
    """A search-space file that cannot be read or drawn from."""


class DataError(InputError):
    """A data set that is missing, truncated or corrupt."""


class DeviceError(InputError):
    """A device that does not exist here, or that cannot do what is asked of it."""


class StudyError(InputError):
    """A study that cannot be opened, created or resumed."""


class DamagedError(StudyError):
    """A study's database is there, but cannot be read."""


class RunError(DseError):
    """A run that failed although its input was sound."""


class CheckpointError(RunError):
    """A run's checkpoint cannot be written."""


class DeviceLostError(RunError):
    """A device that no longer answers: no further run of this process can use it."""


class TrialsFailedError(RunError):
    """Trials that fail for a reason of their surroundings, by all appearances: the study ended before it spent more."""
