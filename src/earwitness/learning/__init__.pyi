from .loop import Schedule, Task, train

__all__ = [
    "Schedule",
    "Task",
    "train",
]
