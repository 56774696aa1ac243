"""The same network with weights that were never trained: another function, and the same one for the same seed."""

import numpy as np
import pytest
import torch

from earwitness.encoders import load_encoder
from earwitness.encoders.check import difference


@pytest.mark.parametrize(
    "spec", ["musicnn-msd", "musicnn-mtt-vgg", "random", "samplecnn,weights=none,seed=9", "crnn,weights=none,seed=9"]
)
def test_the_untrained_twin_is_another_function_with_its_own_name(spec, recording):
    encoder = load_encoder(f"{spec},device=cpu")
    sound = recording[None, :60_000]
    before = encoder.encode(sound)
    twin, other = encoder.untrained(0), encoder.untrained(1)
    vector = twin.encode(sound)
    assert vector.shape == before.shape
    assert np.isfinite(vector).all()
    assert difference(vector, before) > 0.1
    assert len({encoder.name, twin.name}) == 2
    assert len({encoder.revision, twin.revision, other.revision}) == 3
    np.testing.assert_array_equal(encoder.untrained(0).encode(sound), vector)
    assert difference(other.encode(sound), vector) > 0.1
    np.testing.assert_array_equal(encoder.encode(sound), before)
    with torch.no_grad():
        given = twin.embed_tensor(torch.from_numpy(sound)).numpy()
    assert difference(given, vector) < 1e-3
    assert not any(weight.requires_grad for weight in twin.module.parameters())
