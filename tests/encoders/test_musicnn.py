"""The taggers of musicnn: their own program's numbers, and the same numbers in the quick form."""

from functools import lru_cache

import numpy as np
import pytest
import torch

from earwitness.encoders import Encoder, Tagger, load_encoder
from earwitness.encoders.musicnn.encoder import log_mel, to_patches
from earwitness.encoders.musicnn.fast import FastMusicnn, FastVGG
from earwitness.errors import EncoderError

MODELS = {
    "musicnn-msd": "MSD_musicnn",
    "musicnn-mtt": "MTT_musicnn",
    "musicnn-msd-vgg": "MSD_vgg",
    "musicnn-mtt-vgg": "MTT_vgg",
}
# From the reference's own log-mel only the order of the sums differs. max_pool reaches 97, the others 4.
TOLERANCE = {"tags": 1e-4, "penultimate": 1e-3, "max_pool": 5e-3, "mean_pool": 1e-3, "pool5": 1e-4}


@lru_cache
def loaded(name: str):
    return load_encoder(name)


def answer_of(reference: dict[str, np.ndarray], model: str, layer: str) -> np.ndarray:
    """The original's layer, one row a window."""
    values = reference[f"{model}__{'taggram' if layer == 'tags' else layer}"]
    return values.reshape(-1, 256) if layer == "pool5" else values


def test_the_front_end_gives_the_frames_of_the_original(reference):
    assert log_mel(reference["audio"]).shape == reference["logmel"].shape
    np.testing.assert_allclose(log_mel(reference["audio"]), reference["logmel"], atol=1e-3)


@pytest.mark.parametrize(("name", "model"), MODELS.items())
def test_every_layer_is_that_of_the_original(reference, name, model):
    encoder = loaded(f"{name},device=cpu")
    patches = to_patches(reference["logmel"])
    for layer in encoder.module.sizes:
        given = encoder.layers_of(patches, layer)
        np.testing.assert_allclose(given, answer_of(reference, model, layer), atol=TOLERANCE[layer], err_msg=layer)


@pytest.mark.parametrize(("name", "model"), MODELS.items())
def test_tags_from_sound_are_those_of_the_original(reference, name, model):
    encoder = loaded(name)
    taggram = encoder.windows(reference["audio"], "tags")
    np.testing.assert_allclose(taggram, answer_of(reference, model, "tags"), atol=1e-3)
    np.testing.assert_allclose(encoder.tags(reference["audio"][None])[0], taggram.mean(0), atol=1e-6)


def test_windows_that_overlap_are_those_of_the_original(reference):
    frames = reference["logmel"]
    starts = range(0, len(frames) - 186, 92)
    patches = np.stack([frames[start : start + 187] for start in starts])
    tags = loaded("musicnn-mtt").layers_of(patches, "tags")
    expected = reference["MTT_musicnn__taggram_hop1.5s"]
    np.testing.assert_allclose(tags[: len(expected)], expected, atol=1e-4)


@pytest.mark.parametrize(("name", "fast"), [("musicnn-msd", FastMusicnn), ("musicnn-mtt-vgg", FastVGG)])
@pytest.mark.parametrize("n", [1, 3])
def test_the_quick_form_equals_the_plain_network(name, fast, n):
    network = loaded(f"{name},device=cpu").module
    patches = 4 * torch.rand(n, 187, 96, generator=torch.Generator().manual_seed(n))
    with torch.no_grad():
        plain, quick = network.layers(patches), fast(network).layers(patches)
    for layer, values in plain.items():
        scale = float(values.abs().max())
        np.testing.assert_allclose(quick[layer].numpy(), values.numpy(), atol=1e-5 * scale, err_msg=layer)


def test_the_networks_have_the_published_number_of_weights():
    for name, count in [("musicnn-msd", 787_159), ("musicnn-mtt-vgg", 605_748)]:
        module = loaded(name).module
        assert sum(value.numel() for value in module.parameters()) == count


@pytest.mark.parametrize(("layer", "size"), [("penultimate", 200), ("max_pool", 753), ("mean_pool", 753), ("tags", 50)])
def test_a_layer_is_chosen_in_the_spec_or_by_keyword(layer, size, recording):
    encoder = load_encoder(f"musicnn-msd,layer={layer}")
    assert encoder.name == load_encoder("musicnn-msd", layer=layer).name
    assert load_encoder(encoder.name).encode(recording[None, :50_000]).shape == (1, size) == (1, encoder.embedding_size)


def test_an_unknown_layer_is_named_with_those_there_are():
    with pytest.raises(EncoderError, match="no layer 'last'; it has penultimate, max_pool, mean_pool, tags"):
        load_encoder("musicnn-msd", layer="last")


def test_a_clip_is_the_mean_of_its_windows_whatever_stands_beside_it(recording):
    encoder = loaded("musicnn-msd")
    both = np.stack([recording, recording[::-1]])
    vectors = encoder.encode(both)
    np.testing.assert_allclose(vectors[0], encoder.windows(recording).mean(0), atol=1e-5)
    np.testing.assert_allclose(vectors[1], encoder.encode(both[1:])[0], atol=1e-5)


def test_a_short_clip_is_repeated_to_fill_a_window(recording):
    frames = log_mel(recording[:16_000])
    patch = to_patches(frames)
    assert patch.shape == (1, 187, 96)
    np.testing.assert_array_equal(patch[0, len(frames) :][: len(frames)], frames)


def test_loud_clips_do_not_all_get_the_same_tags(recording):
    """In half precision 10,000 times a power above 6.55 is infinite, and the tags then are a constant."""
    loud = np.stack([recording[:48_000], recording[96_000:144_000]])
    loud *= 4 / np.abs(loud).max()
    assert (10 ** log_mel(loud[0]) > 65504).any()
    tags = loaded("musicnn-msd").tags(loud)
    assert np.abs(tags[0] - tags[1]).max() > 0.05


def test_a_tagger_says_what_its_tags_are(recording):
    tagger = loaded("musicnn-msd")
    assert isinstance(tagger, Encoder)
    assert isinstance(tagger, Tagger)
    assert len(set(tagger.tag_names)) == tagger.tags(recording[None]).shape[1] == 50
    names = loaded("musicnn-mtt").tag_names
    best = np.argsort(loaded("musicnn-mtt").tags(recording[None])[0])[::-1]
    assert {names[i] for i in best[:4]} & {"classical", "strings", "violin"}


def test_gradients_reach_the_frames():
    network = loaded("musicnn-msd").module
    patches = torch.rand(1, 187, 96, device=next(network.parameters()).device, requires_grad=True)
    network(patches).square().sum().backward()
    assert patches.grad is not None
    assert float(patches.grad.abs().sum()) > 0
