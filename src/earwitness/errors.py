"""The few exceptions a user can meet. Each message says what was wrong, which file or value, and the mend."""


class EarwitnessError(Exception):
    """Anything Earwitness says on purpose; the command line prints it as one sentence and exits with 2."""


class InputError(EarwitnessError, ValueError):
    """A source, manifest, option or table that nothing can be done with."""


class ClipError(EarwitnessError, ValueError):
    """One clip cannot be used. Whoever works on many clips lists it as skipped and goes on.

    Parameters
    ----------
    path
        The file, as the user knows it.
    reason
        What is wrong with it, in words that can stand in the table of skipped files.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class EncoderError(EarwitnessError, ValueError):
    """An encoder that is unknown, cannot be loaded, or returns what the protocol forbids."""


class WorkerError(EarwitnessError, RuntimeError):
    """A worker process was ended from outside; what it and the others had finished is kept."""


class MissingExtraError(EarwitnessError, ImportError):
    """An optional part was asked for that is not installed; the message names the extra."""

    def __init__(self, purpose: str, extra: str) -> None:
        super().__init__(purpose, extra)
        self.purpose = purpose
        self.extra = extra

    def __str__(self) -> str:
        return f"{self.purpose} needs an optional part: pip install 'earwitness[{self.extra}]'"
