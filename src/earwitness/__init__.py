"""Earwitness tests whether a music model can be believed.

    import earwitness as ew

    clips = ew.load_clips("demo")
    encoder = ew.load_encoder("mfcc")
    result = ew.audits.transfer(ew.embed(clips, encoder), label="label")

Nothing is imported until it is asked for, so `import earwitness` is quick and loads no network library.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
