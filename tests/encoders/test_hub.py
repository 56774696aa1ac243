"""VGGish, YAMNet and OpenL3: the numbers of their own programs, on weights drawn from the names of the tensors."""

from pathlib import Path

import numpy as np
import pytest
import torch

from earwitness.encoders import Differentiable, Tagger, load_encoder
from earwitness.encoders.hub.audio_set import class_names
from earwitness.encoders.hub.log_mel import log_mel
from earwitness.encoders.hub.openl3 import FRONT_ENDS, OpenL3
from earwitness.encoders.hub.yamnet import YAMNet
from earwitness.encoders.network import NetworkEncoder
from earwitness.errors import EncoderError

ORACLE = Path(__file__).parents[1] / "oracles" / "hub_encoders" / "reference.npz"


@pytest.fixture(scope="module")
def oracle():
    with np.load(ORACLE, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


@pytest.fixture(scope="module")
def openl3(filled):
    return filled(OpenL3(hop=0.5))


@pytest.fixture
def yamnet(filled):
    return filled(YAMNet())


def distance(given, expected):
    """Largest difference, in standard deviations of what is expected."""
    return float(np.abs(np.asarray(given).reshape(expected.shape) - expected).max() / expected.std())


def count(module):
    return sum(value.numel() for value in module.parameters())


@pytest.mark.parametrize(("name", "offset", "samples"), [("vggish", 0.01, 40_000), ("yamnet", 0.001, 46_320)])
def test_the_log_mel_frames_are_those_of_the_original(oracle, sweep, name, offset, samples):
    sound = np.pad(sweep(40_000, 16000), ((0, 0), (0, samples - 40_000)))
    frames = log_mel(torch.from_numpy(sound), offset).numpy()
    assert frames.shape[1] == 1 + (samples - 400) // 160
    np.testing.assert_allclose(frames[:, ::4], oracle[f"{name}_log_mel_every_4th_frame"], atol=1e-4)


def test_vggish_is_that_of_the_original_before_and_after_its_last_relu(oracle, sweep, vggish):
    assert count(vggish) == 72_141_184
    pieces = vggish.cut(torch.from_numpy(sweep(40_000, 16000))).flatten(0, 1)
    assert distance(vggish(pieces), oracle["vggish_embedding"]) < 1e-4
    vggish.relu = True
    assert distance(vggish(pieces), oracle["vggish_embedding_relu"]) < 1e-4
    vggish.relu = False


def test_vggish_is_post_processed_as_audio_set_was(oracle, drawn, vggish):
    vggish.pca_eigen_vectors = torch.from_numpy(20 * drawn("pca_eigen_vectors", (128, 128)))
    vggish.pca_means = torch.from_numpy(drawn("pca_means.bias", (128, 1)).ravel())
    values = torch.from_numpy(oracle["vggish_embedding"])
    assert distance(vggish.turned(values), oracle["vggish_pca_pre_quantisation"]) < 1e-5
    np.testing.assert_array_equal(vggish.quantised(values), oracle["vggish_postprocessed"])
    assert 0 in oracle["vggish_postprocessed"]
    assert 255 in oracle["vggish_postprocessed"]


def test_post_processing_truncates_and_its_slope_does_not(vggish):
    vggish.pca_eigen_vectors, vggish.pca_means = torch.eye(128), torch.zeros(128)
    values = torch.zeros(1, 128)
    values[0, :4] = torch.tensor([-2.5, -1.99, 0.51, 3])
    values.requires_grad_()
    whole = vggish.quantised(values)
    # (y + 2) 63.75: 0.6 is cut to 0, 160.01 to 160, 127.5 to 127.
    assert whole[0, :5].tolist() == [0, 0, 160, 255, 127]
    whole.sum().backward()
    assert values.grad[0, :5].tolist() == [0, 63.75, 63.75, 0, 63.75]


def test_yamnet_is_that_of_the_original(oracle, sweep, yamnet):
    # A scale of the normalisations, which the official network has not, is what its port counts more.
    assert count(yamnet) == 3_729_481 + 10_944
    pieces = yamnet.cut(torch.from_numpy(sweep(40_000, 16000)))
    assert pieces.shape == (2, 5, 96, 64)
    embedding, _ = yamnet.embedding_and_logits(pieces.flatten(0, 1))
    assert distance(embedding, oracle["yamnet_embedding"]) < 1e-4


def test_yamnet_reacts_to_its_input_as_the_original(oracle, sweep, yamnet):
    for name, value in yamnet.named_parameters():
        if name.endswith("bn.weight"):
            value.fill_(1)
        elif name.endswith("conv.weight"):
            value.mul_(1.5)
    pieces = yamnet.cut(torch.from_numpy(sweep(40_000, 16000))).flatten(0, 1)
    embedding, logits = yamnet.embedding_and_logits(pieces)
    assert distance(embedding, oracle["yamnet_embedding_gain"]) < 1e-4
    assert distance(logits, oracle["yamnet_logits_gain"]) < 1e-4
    tags = NetworkEncoder("yamnet", "1", yamnet, device="cpu").answers(sweep(40_000, 16000), "tags")
    np.testing.assert_allclose(tags, 1 / (1 + np.exp(-oracle["yamnet_logits_gain"])), atol=1e-4)


@pytest.mark.parametrize("frontend", FRONT_ENDS)
def test_each_front_end_of_openl3_is_the_one_that_was_published(oracle, sweep, frontend):
    network = OpenL3(frontend=frontend, hop=0.5)
    windows = network.cut(torch.from_numpy(sweep(72_000, 48000)))
    assert windows.shape == (2, 3, 48_000)
    assert not windows[:, 0, :24_000].any()
    chosen = windows[0, 1:2] if frontend == "librosa" else windows[0, :2]
    given = network.spectrogram(chosen)
    assert given.shape[1:] == (256, 199)
    expected = oracle[f"openl3_spec_{frontend}_every_3rd_band_and_8th_frame"]
    np.testing.assert_allclose(given[:, ::3, ::8], expected, atol=0.01)  # decibels


def test_openl3_is_that_of_the_original(oracle, sweep, openl3):
    assert count(openl3) == 4_687_042
    windows = openl3.cut(torch.from_numpy(sweep(72_000, 48000)))
    long = openl3(windows[0])
    assert distance(long, oracle["openl3_embedding_6144_kapre03_clip_0"]) < 1e-3
    # The 512 values are the largest of the 4 x 3 places of the 6144.
    short = long.reshape(3, 12, 512).amax(1)
    assert distance(short, oracle["openl3_embedding_512_kapre03"][0]) < 1e-3


def test_openl3_with_512_values_and_the_front_end_of_its_training(oracle, sweep, filled):
    network = filled(OpenL3(512, "kapre01", hop=0.5))
    windows = network.cut(torch.from_numpy(sweep(72_000, 48000)))
    assert distance(network(windows[1]), oracle["openl3_embedding_512_kapre01"][1]) < 1e-3


@pytest.mark.parametrize(
    ("samples", "hop", "center", "expected"),
    [
        (100, 0.1, True, 1),
        (24_000, 0.1, True, 1),
        (24_001, 0.1, True, 2),
        (96_000, 0.5, True, 4),
        (96_000, 0.5, False, 3),
    ],
)
def test_openl3_has_as_many_windows_as_published(samples, hop, center, expected):
    """Silence behind the sound: up to a second, or to a whole number of hops."""
    assert OpenL3(hop=hop, center=center).cut(torch.ones(1, samples)).shape == (1, expected, 48_000)


@pytest.mark.parametrize(("samples", "expected"), [(100, 1), (15_600, 1), (15_601, 2), (40_000, 5)])
def test_yamnet_has_as_many_patches_as_published(samples, expected):
    assert YAMNet().cut(torch.ones(1, samples)).shape == (1, expected, 96, 64)


def test_a_short_clip_is_repeated_for_vggish(vggish, sweep):
    sound = torch.from_numpy(sweep(5_000, 16000))
    patches = vggish.cut(sound)
    assert patches.shape == (2, 1, 96, 64)
    torch.testing.assert_close(patches, vggish.cut(sound.repeat(1, 4)[:, :15_600]))


def test_a_clip_is_the_mean_of_its_pieces_whatever_stands_beside_it(vggish, sweep):
    encoder = NetworkEncoder("vggish", "1", vggish, device="cpu")
    sounds = sweep(40_000, 16000)
    vectors = encoder.encode(sounds)
    np.testing.assert_allclose(vectors, encoder.answers(sounds).mean(1), rtol=1e-5)
    np.testing.assert_allclose(encoder.encode(sounds[1:])[0], vectors[1], atol=1e-6)
    assert isinstance(encoder, Differentiable)
    np.testing.assert_allclose(encoder.embed_tensor(torch.from_numpy(sounds)), vectors, atol=1e-6)


def test_the_kinds_of_sound_are_those_of_audio_set_without_six():
    names = class_names()
    assert len(set(names)) == len(names) == 521
    assert (names[0], names[132], names[494], names[520]) == ("Speech", "Music", "Silence", "Field recording")
    dropped = {"Male speech, man speaking", "Female singing", "Battle cry", "Funny music"}
    assert not dropped & set(names)


def test_yamnet_is_a_tagger_even_untrained(sweep):
    encoder = load_encoder("yamnet,weights=none,device=cpu")
    assert isinstance(encoder, Tagger)
    tags = encoder.tags(sweep(16_000, 16000))
    assert tags.shape == (2, len(encoder.tag_names))
    np.testing.assert_array_equal(tags, load_encoder("yamnet,layer=tags,weights=none").encode(sweep(16_000, 16000)))


def test_options_that_change_the_numbers_are_in_the_name():
    names = {
        "openl3": "openl3,weights=none",
        "openl3,size=512,content=env": "openl3,content=env,size=512,weights=none",
        "openl3,frontend=kapre01,hop=0.5,center=false": "openl3,frontend=kapre01,hop=0.5,center=false,weights=none",
        "openl3,center=true,seed=2": "openl3,weights=none,seed=2",
    }
    for spec, name in names.items():
        assert load_encoder(f"{spec},weights=none").name == name
    assert load_encoder("openl3,size=512,weights=none").embedding_size == 512


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("openl3,content=speech", "openl3 has no content=speech; it has music, env"),
        ("openl3,size=128", "openl3 has no size=128; it has 512, 6144"),
        ("openl3,frontend=kapre", "has no frontend=kapre; it has kapre03, kapre01, librosa"),
        ("openl3,hop=0", "takes a hop of at most 1 second"),
        ("openl3,center=maybe", "center=maybe is neither true nor false"),
        ("yamnet,layer=logits", "has no layer 'logits'; it has embedding, tags"),
        ("vggish,postprocess=true,weights=none", "needs trained weights"),
        ("yamnet,seed=1", "takes a seed only untrained: write weights=none beside seed=1"),
    ],
)
def test_a_wrong_option_is_named_with_the_mend(spec, message):
    with pytest.raises(EncoderError, match=message):
        load_encoder(spec)


def test_the_slope_of_openl3_is_finite_where_a_band_is_silent():
    for frontend in ("kapre03", "kapre01"):
        network = OpenL3(512, frontend, hop=1, center=True)
        sound = torch.zeros(1, 24_000)
        sound[0, :12_000] = 0.1 * torch.randn(12_000, generator=torch.Generator().manual_seed(0))
        sound.requires_grad_()
        network.spectrogram(network.cut(sound)[0]).sum().backward()
        assert torch.isfinite(sound.grad).all()
        assert sound.grad.abs().sum() > 0
