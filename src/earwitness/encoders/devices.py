"""Where a network runs."""

import torch

from earwitness.errors import EncoderError


def pick_device(device: str | None = None) -> torch.device:
    """The device of that name, or where none is named a graphics processor if torch sees one, else the processor.

    Raises
    ------
    EncoderError
        If torch does not know it or has none.
    """
    try:
        picked = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        torch.empty(0, device=picked)
    except (RuntimeError, AssertionError) as error:
        raise EncoderError(f"torch has no device {device!r} here; leave it out, or take 'cpu'") from error
    return picked
