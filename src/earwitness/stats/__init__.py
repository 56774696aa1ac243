"""What turns a table of scores into a claim: intervals, comparisons, models, designs. It knows nothing of sound.

The names and where they come from stand in `__init__.pyi`; each is imported when it is first asked for, so that a
bootstrap does not wait for the libraries of the models.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
