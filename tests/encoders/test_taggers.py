"""The seven taggers: the numbers, names and sizes of the public implementation."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from earwitness.encoders import Differentiable, Tagger, check_encoder, load_encoder
from earwitness.encoders.network import NetworkTagger
from earwitness.encoders.taggers.encoder import NETWORKS
from earwitness.encoders.taggers.harmonic import HarmonicSTFT
from earwitness.encoders.taggers.tagnames import JAMENDO
from earwitness.errors import EncoderError

REFERENCE = json.loads((Path(__file__).parents[1] / "oracles" / "taggers" / "reference.json").read_text())
ORACLES = {"musicnn-jamendo": "musicnn", "samplecnn-se": "samplecnn_se"}
SIZES = {
    "fcn": 64,
    "musicnn-jamendo": 200,
    "crnn": 32,
    "samplecnn": 512,
    "samplecnn-se": 512,
    "cnnsa": 256,
    "hcnn": 256,
}
QUICK = ("musicnn-jamendo", "samplecnn", "hcnn")


def oracle_of(name):
    return REFERENCE[ORACLES.get(name, name)]


def made(name, filled, layer=None):
    network = filled(NETWORKS[name][0](layer))
    return NetworkTagger(name, "1", network, JAMENDO, window=network.samples / 16000, device="cpu")


@pytest.mark.parametrize("name", NETWORKS)
def test_names_and_shapes_of_the_weights_are_upstreams(name):
    module = NETWORKS[name][0]()
    oracle = oracle_of(name)
    assert sum(value.numel() for value in module.parameters()) == oracle["parameters"]
    own = {k: list(v.shape) for k, v in module.state_dict().items() if not k.endswith(("tracked", "bw_Q"))}
    assert own == dict(oracle["filled_tensors"])


@pytest.mark.parametrize("name", NETWORKS)
def test_vectors_and_tags_are_those_of_the_public_implementation(name, filled, sweep):
    """Both clips at once, and the second alone: neither depends on what stands beside it."""
    encoder, oracle = made(name, filled), oracle_of(name)
    sounds = sweep(oracle["input_samples"], 16000)
    assert round(encoder.window * encoder.sample_rate) == oracle["input_samples"]
    expected = np.array(oracle["embedding"])
    tolerance = 1e-4 * expected.std()
    np.testing.assert_allclose(encoder.encode(sounds), expected, atol=tolerance)
    alone = encoder.module.every_layer(torch.from_numpy(sounds[1:]))
    np.testing.assert_allclose(alone[encoder.layer][0], expected[1], atol=tolerance)
    np.testing.assert_allclose(alone["tags"][0], oracle["tags"][1], atol=1e-5)
    assert {layer: values.shape[1] for layer, values in alone.items()} == dict(encoder.module.sizes)
    assert isinstance(encoder, Tagger)
    assert isinstance(encoder, Differentiable)
    assert encoder.embedding_size == SIZES[name] == expected.shape[1]


def test_a_layer_is_chosen_by_its_name(filled, sweep):
    """A map is read as its mean over time and frequency, one value a channel."""
    encoder = made("musicnn-jamendo", filled)
    pieces = torch.from_numpy(sweep(48_000, 16000))
    found = encoder.module.every_layer(pieces)
    for layer, size in encoder.module.sizes.items():
        other = made("musicnn-jamendo", filled, layer)
        assert other.embedding_size == size == found[layer].shape[1]
        np.testing.assert_array_equal(other.encode(pieces.numpy()), found[layer])
    np.testing.assert_allclose(found["mean_pool"][:, :561], found["front"], rtol=1e-5)


def test_the_tags_are_sorted_as_upstreams_binarizer_sorts_them():
    assert list(JAMENDO) == sorted(set(JAMENDO))
    assert len(JAMENDO) == 50
    kinds = [name.split("---")[0] for name in JAMENDO]
    assert [kinds.count(kind) for kind in ("genre", "instrument", "mood/theme")] == [31, 14, 5]


def test_a_long_sound_is_the_mean_of_its_whole_windows_and_a_short_one_is_repeated(filled, sweep):
    encoder = made("musicnn-jamendo", filled)
    sound = sweep(110_000, 16000)[:1]
    windows = sound[0, :96_000].reshape(2, 48_000)
    np.testing.assert_allclose(encoder.encode(sound)[0], encoder.encode(windows).mean(0), rtol=1e-5)
    tags = encoder.tags(sound)[0]
    np.testing.assert_allclose(tags, encoder.tags(windows).mean(0), rtol=1e-5)
    assert len(tags) == len(encoder.tag_names)
    short = sound[:, :20_000]
    np.testing.assert_allclose(encoder.encode(short), encoder.encode(np.resize(short, 48_000)[None]), rtol=1e-5)


def test_a_harmonic_filter_is_a_triangle_as_wide_as_said():
    """Around the second harmonic of A4, 880 Hz: 1 there, 0 half a bandwidth (0.1079 f + 24.7) / Q away."""
    front = HarmonicSTFT()
    front.bw_Q.data[:] = 2.0
    row = 128 + 2 * (69 - 24)  # harmonic 2, pitch in half semitones from C1
    assert float(front.centres[row]) == pytest.approx(880, rel=1e-6)
    half = (0.1079 * 880 + 24.7) / 2 / 2
    bins = np.linspace(0, 8000, 257)
    expected = np.maximum(0, 1 - np.abs(bins - 880) / half)
    np.testing.assert_allclose(front.filters()[row].detach(), expected, atol=1e-5)


def test_an_untrained_tagger_is_made_by_its_seed_and_says_so(sweep):
    first, again, other = (load_encoder(f"samplecnn,weights=none{seed}") for seed in ("", ",seed=0", ",seed=4"))
    sound = sweep(59_049, 16000)
    np.testing.assert_array_equal(first.encode(sound), again.encode(sound))
    assert np.abs(first.encode(sound) - other.encode(sound)).max() > 0.01
    assert first.name == again.name == "samplecnn,weights=none"
    assert (other.name, other.revision) == ("samplecnn,weights=none,seed=4", "1-untrained-seed4")
    assert load_encoder(other.name).revision == other.revision
    assert first.revision == "1-untrained-seed0"


@pytest.mark.parametrize("name", QUICK)
def test_gradients_reach_the_sound_and_are_true(name, filled, sweep):
    encoder = made(name, filled)
    sound = torch.from_numpy(sweep(oracle_of(name)["input_samples"], 16000)[:1]).requires_grad_()

    def loss(x):
        return encoder.embed_tensor(x).square().mean()

    (slope,) = torch.autograd.grad(loss(sound), sound)
    step = 1e-3 * slope / slope.norm()
    with torch.no_grad():
        measured = float(loss(sound + step) - loss(sound - step))
    assert measured == pytest.approx(2 * float((slope * step).sum()), rel=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*NETWORKS, "vggish", "yamnet", "openl3,size=512,hop=1"])
def test_check_encoder_finds_nothing_wrong(name):
    found = check_encoder(load_encoder(f"{name},weights=none"))
    assert found.passed, str(found)
    assert not [row for row in found.rows if row.check in ("batch", "batch size", "determinism") and row.value > 1e-5]


def test_an_unknown_layer_is_named_with_those_there_are():
    with pytest.raises(EncoderError, match="no layer 'last'; it has layer5, layer1, layer2, layer3, layer4, tags"):
        load_encoder("fcn,layer=last")
