"""The untrained control: Table 2.3's network, its weights from a seed, statistics over chunks."""

import numpy as np
import torch

from earwitness.encoders import load_encoder
from earwitness.encoders.base_network import BaseNetwork
from earwitness.encoders.untrained import CHUNKING

# Counted layer by layer in the published table, batch normalisation included.
STAGES = [848, 4_704, 18_624, 37_056, 74_112, 295_680, 66_304, 66_304]
SHAPES = [(16, 54, 64), (32, 27, 32), (64, 13, 16), (64, 6, 8), (128, 3, 4), (256, 3, 4), (256, 3, 4), (256,)]


def test_every_stage_has_the_published_number_of_parameters():
    counts = [sum(value.numel() for value in stage.parameters()) for stage in BaseNetwork().stages]
    assert counts == STAGES
    assert sum(counts) == 563_632


def test_every_stage_has_the_published_shape():
    values = torch.zeros(1, 2, 216, 128)
    for stage, shape in zip(BaseNetwork().eval().stages, SHAPES, strict=True):
        values = stage(values)
        assert tuple(values.shape[1:]) == shape


def test_weights_are_within_the_bounds_of_glorot_and_fill_them():
    network = BaseNetwork().draw_weights(np.random.default_rng(0))
    for layer in network.modules():
        if isinstance(layer, torch.nn.Conv2d):
            field = layer.kernel_size[0] * layer.kernel_size[1]
            bound = np.sqrt(6 / (field * (layer.in_channels + layer.out_channels)))
            assert 0.95 * bound < float(layer.weight.detach().abs().max()) <= bound


def test_a_seed_gives_one_network_and_its_revision(recording):
    first, again, other = (load_encoder(spec) for spec in ("random", "random,seed=0", "random,seed=1"))
    assert first.name == again.name == "random"
    assert other.name == "random,seed=1"
    assert first.revision == again.revision != other.revision
    assert "seed1" in other.revision
    sound = recording[None, :80_000]
    np.testing.assert_array_equal(first.encode(sound), again.encode(sound))
    assert np.abs(first.encode(sound) - other.encode(sound)).max() > 0.01


def test_a_vector_is_mean_and_population_deviation_over_whole_chunks(recording):
    encoder = load_encoder("random")
    chunks = CHUNKING.of_sound(recording)
    assert chunks.shape == ((1 + len(recording) // 256) // 216, 1, 216, 128)
    each = np.concatenate([encoder.module(torch.from_numpy(c[None]).repeat(1, 2, 1, 1)).numpy() for c in chunks])
    expected = np.concatenate([each.mean(0), each.std(0)])
    np.testing.assert_allclose(encoder.encode(recording[None])[0], expected, atol=1e-5)


def test_one_chunk_has_no_deviation_and_a_short_clip_is_filled_with_its_minimum(recording):
    short = recording[:20_000]
    chunk = CHUNKING.of_sound(short)
    assert chunk.shape == (1, 1, 216, 128)
    filled = chunk[0, 0, 1 + len(short) // 256 :]
    np.testing.assert_allclose(np.ptp(filled, axis=0), 0)
    vector = load_encoder("random").encode(short[None])[0]
    assert np.abs(vector[256:]).max() == 0
    assert np.abs(vector[:256]).max() > 0
