"""Training encoders: labels made into targets, networks, and the loop that trains them. Torch loads when one is run."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
