"""The networks, front end and losses of the four task encoders (Kim 2021, chapter 4)."""

import librosa
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score
from torch import nn

from earwitness.encoders.mfcc import MFCC
from earwitness.errors import InputError
from earwitness.learning.tasks.decoder import Decoder, unpool
from earwitness.learning.tasks.encoder import Encoded, SpectrogramEncoder
from earwitness.learning.tasks.gathering import Question
from earwitness.learning.tasks.learn import Making, Size
from earwitness.learning.tasks.losses import (
    consistency_loss,
    instrument_loss,
    reconstruction_loss,
    separation_loss,
    tagging_loss,
)
from earwitness.learning.tasks.mfcc import MfccStatistics
from earwitness.learning.tasks.networks import Listener, TaskNetwork
from earwitness.learning.tasks.scores import area_under_curve, separated, target_sdr
from earwitness.learning.tasks.spectra import SHAPES, FrontEnd, Shape, inverse, mu_law, transform

SMALL = Shape(channels=(2, 3, 4, 4, 5, 6, 6), features=7)


def parameters(module: nn.Module) -> int:
    return sum(value.numel() for value in module.parameters() if value.requires_grad)


@pytest.mark.parametrize(
    ("task", "classes", "inputs", "count"),
    [
        ("tagging", 50, "spectrogram", 1_652_642),
        ("instruments", 11, "spectrogram", 1_642_619),
        ("autoencoder", 0, "spectrogram", 3_542_241),
        ("separation", 0, "spectrogram", 3_542_241),
        ("tagging", 50, "mfcc", 7_538),
        ("autoencoder", 0, "mfcc", 1_153_673),
        ("separation", 0, "mfcc", 1_153_673),
    ],
)
def test_the_networks_have_as_many_parameters_as_the_published_ones(task, classes, inputs, count) -> None:
    assert parameters(TaskNetwork(task, Shape(), classes, inputs=inputs)) == count


def test_each_block_has_the_parameters_and_the_output_of_the_table() -> None:
    encoder = SpectrogramEncoder(Shape()).eval()
    assert [parameters(block) for block in encoder.blocks] == [176, 4672, 18560, 73984, 295424, 590336, 590336]
    assert parameters(encoder.dense) == 66304
    encoded = encoder(torch.randn(1, 1, 513, 173))
    sizes = [(256, 86), (128, 43), (64, 21), (32, 10), (16, 5), (8, 2), (4, 1)]
    assert [tuple(maps.shape[2:]) for maps in encoded.pooled] == sizes
    assert [maps.shape[1] for maps in encoded.pooled] == [16, 32, 64, 128, 256, 256, 256]
    torch.testing.assert_close(encoded.layers["gap"], encoded.pooled[-1].mean((2, 3)))
    assert (encoded.layers["post_fc"] >= 0).all()


def test_table_4_1_takes_seven_blocks_from_512_by_128_to_4_by_1() -> None:
    shape = SHAPES["table41"]
    assert (shape.bins, shape.frames) == (512, 128)
    assert shape.sizes[-1] == (4, 1)
    network = TaskNetwork("autoencoder", shape.scaled(1 / 16, 8))
    assert network(torch.randn(2, shape.samples))[1].shape == (2, 512, 128)


def test_repeating_gives_every_value_of_a_window_its_maximum_and_odd_ends_the_last_one() -> None:
    maps = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    wanted = torch.tensor([[1.0, 1, 2, 2, 2], [1, 1, 2, 2, 2], [3, 3, 4, 4, 4], [3, 3, 4, 4, 4]])
    torch.testing.assert_close(unpool(maps, (4, 5), "repeat")[0, 0], wanted)


@given(st.integers(2, 9), st.integers(2, 9), st.integers(0, 1000))
def test_pooling_undoes_both_ways_of_unpooling(bins: int, frames: int, seed: int) -> None:
    maps = torch.rand(2, 3, bins, frames, generator=torch.Generator().manual_seed(seed))
    pooled, places = nn.functional.max_pool2d(maps, 2, return_indices=True)
    repeated = unpool(pooled, (bins, frames), "repeat")
    placed = unpool(pooled, (bins, frames), "indices", places)
    for back in (repeated, placed):
        torch.testing.assert_close(nn.functional.max_pool2d(back, 2), pooled)
    kept = placed != 0
    torch.testing.assert_close(placed[kept], maps[kept])


def test_bilinear_unpooling_keeps_the_corners_and_the_middle() -> None:
    grown = unpool(torch.tensor([[[[0.0, 2.0], [4.0, 6.0]]]]), (3, 3), "bilinear")[0, 0]
    torch.testing.assert_close(grown, torch.tensor([[0.0, 1, 2], [2, 3, 4], [4, 5, 6]]))


def test_skips_add_what_came_out_of_each_block_to_what_enters_its_mirror() -> None:
    torch.manual_seed(0)
    decoder = Decoder(SMALL, skips=True).eval()
    encoded = SpectrogramEncoder(SMALL).eval()(torch.randn(2, 1, 513, 173))
    values = torch.randn(2, SMALL.features)
    by_hand = decoder.spread(decoder.dense(values)).unflatten(1, (6, 4, 1))
    stages = [*decoder.blocks, decoder.last]
    for maps, block, size in zip(encoded.pooled[::-1], stages, decoder.targets[::-1], strict=True):
        by_hand = block(unpool(by_hand + maps, size, "repeat"))
    torch.testing.assert_close(decoder(values, encoded), by_hand)
    silent = Encoded({}, [torch.zeros_like(maps) for maps in encoded.pooled], encoded.places)
    plain = Decoder(SMALL).eval()
    plain.load_state_dict(decoder.state_dict())
    torch.testing.assert_close(decoder(values, silent), plain(values))


def test_without_indices_everything_passes_through_the_representation() -> None:
    torch.manual_seed(0)
    decoder = Decoder(SMALL).eval()
    first, second = (SpectrogramEncoder(SMALL).eval()(torch.randn(2, 1, 513, 173)) for _ in range(2))
    values = torch.randn(2, SMALL.features)
    torch.testing.assert_close(decoder(values, first), decoder(values, second))
    placed = Decoder(SMALL, "indices").eval()
    assert not torch.allclose(placed(values, first), placed(values, second))


def test_spectra_are_those_of_librosa_with_a_symmetric_window() -> None:
    rng = np.random.default_rng(0)
    audio = rng.normal(0, 0.1, 44100).astype(np.float32)
    window = np.hanning(1024)
    theirs = librosa.stft(audio, n_fft=1024, hop_length=256, window=window, center=True, pad_mode="reflect")
    ours = transform(torch.from_numpy(audio)[None])[0].numpy()
    assert ours.shape == (513, 173)
    np.testing.assert_allclose(ours, theirs, atol=2e-4)  # single precision over 1,024 terms
    back = inverse(transform(torch.from_numpy(audio)[None]), 44100)[0].numpy()
    np.testing.assert_allclose(back, audio, atol=1e-6)


def test_the_floor_lies_80_db_below_each_clip_not_below_the_batch() -> None:
    front = FrontEnd(Shape())
    tone = torch.sin(2 * torch.pi * 1000 * torch.arange(44100) / 22050)
    batch = torch.stack([tone, 0.001 * tone])
    level = front.level(front.magnitudes(batch))
    top = level.amax((1, 2))
    torch.testing.assert_close(level.amin((1, 2)), top - 80)
    torch.testing.assert_close(top[0] - top[1], torch.tensor(60.0), atol=1e-3, rtol=0)


def test_standardised_bins_have_mean_0_and_deviation_1_and_a_constant_bin_stays_finite() -> None:
    front = FrontEnd(Shape(bins=2))
    front.learn(torch.tensor([-10.0, -20.0]), torch.tensor([2.0, 0.0]))
    magnitudes = torch.full((1, 2, 3), 10 ** (-8 / 20))
    torch.testing.assert_close(front(magnitudes)[0, 0, :, 0], torch.tensor([1.0, 12.0]), atol=1e-4, rtol=0)


@given(st.floats(-1.5, 1.5), st.sampled_from([16, 256, 65536]))
def test_mu_law_is_idempotent_odd_clipped_and_finest_near_zero(value: float, levels: int) -> None:
    x = torch.tensor([value, -value], dtype=torch.float64)
    kept = mu_law(x, levels)
    torch.testing.assert_close(mu_law(kept, levels), kept)
    clipped = max(-1.0, min(1.0, value))
    step = 2 * np.log(levels) / (levels - 1) * (abs(clipped) + 1 / (levels - 1))
    assert abs(float(kept[0]) - clipped) <= step  # the slope of the inverse times a level


def test_gradients_pass_mu_law_as_if_nothing_were_done() -> None:
    x = torch.tensor([0.3, -0.2], requires_grad=True)
    mu_law(x).sum().backward()
    torch.testing.assert_close(x.grad, torch.ones(2))


def test_the_mfcc_network_hears_what_the_mfcc_encoder_gives() -> None:
    rng = np.random.default_rng(0)
    audio = rng.normal(0, 0.1, (3, 44100)).astype(np.float32)
    ours = MfccStatistics()(torch.from_numpy(audio)).layers["mfcc"].numpy()
    np.testing.assert_allclose(ours, MFCC().encode(audio), atol=2e-5)


def test_losses_are_the_formulas() -> None:
    heard = torch.tensor([[[0.0, 0.0], [0.0, 0.0]], [[1.0, 1.0], [1.0, 1.0]]])
    answer = heard + torch.tensor([3.0, 1.0])[:, None, None]
    assert float(reconstruction_loss(answer, heard)) == pytest.approx((9 + 1) / 2)
    assert float(reconstruction_loss(answer, heard, "norm")) == pytest.approx((6 + 2) / 2)
    half = torch.zeros(2, 3)
    assert float(tagging_loss(half, torch.tensor([[1.0, 0, 1], [0, 0, 0]]))) == pytest.approx(np.log(2))
    assert float(instrument_loss(torch.zeros(2, 5), torch.tensor([0, 4]))) == pytest.approx(np.log(5))


def test_the_separators_loss_is_zero_for_the_right_mask_and_counts_both_parts() -> None:
    mixture, target, rest = torch.full((1, 1, 2), 4.0), torch.tensor([[[1.0, 4.0]]]), torch.tensor([[[3.0, 0.0]]])
    mask = torch.tensor([[[0.25, 1 - 1e-7]]]).logit()
    assert float(separation_loss(mask, mixture, target, rest)) == pytest.approx(0, abs=1e-5)
    half = torch.zeros(1, 1, 2)  # leaves 2 and 2 of each: |2-1|, |2-4| and |2-3|, |2-0|
    assert float(separation_loss(half, mixture, target, rest)) == pytest.approx(1.5 + 1.5)
    assert float(separation_loss(half, mixture, target, rest, "target")) == pytest.approx(1.5)


def test_equal_copies_cost_nothing_in_the_whole_network_while_it_trains() -> None:
    torch.manual_seed(0)
    network = TaskNetwork("instruments", SMALL, 3).train()
    audio = torch.randn(4, 44100)
    with torch.no_grad():
        originals, _, _, copies = network(audio, audio.clone())
    assert float(consistency_loss(originals, copies)) == 0
    assert float(consistency_loss(originals, copies, "cosine")) == pytest.approx(0, abs=1e-6)


def test_the_relative_loss_is_one_where_copies_are_as_far_as_other_clips() -> None:
    originals = torch.tensor([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0]])  # squared distances 4, 4 and 8
    copies = originals + torch.tensor([0.0, (16 / 3) ** 0.5])
    assert float(consistency_loss(originals, copies)) == pytest.approx(1)


@given(st.floats(0.01, 100), st.integers(0, 1000))
def test_shrinking_the_representation_gains_nothing(scale: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    originals, copies = torch.randn(2, 5, 4, generator=generator, dtype=torch.float64)
    plain, scaled = consistency_loss(originals, copies), consistency_loss(scale * originals, scale * copies)
    torch.testing.assert_close(scaled, plain)


def test_the_curve_over_tags_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    truth = (rng.random((40, 6)) < 0.4).astype(float)
    scores = rng.integers(0, 4, truth.shape) / 4  # with ties
    ours = area_under_curve(truth, scores)
    for row, (tags, value) in enumerate(zip(truth, ours, strict=True)):
        if 0 < tags.sum() < 6:
            assert value == pytest.approx(roc_auc_score(tags, scores[row]))
        else:
            assert np.isnan(value)


def test_the_ideal_mask_parts_two_bands_and_the_mixture_itself_has_the_ratio_of_the_parts() -> None:
    rng = np.random.default_rng(0)
    spectra = np.fft.rfft(rng.normal(0, 0.1, (2, 44100)))
    low = np.arange(spectra.shape[1]) < spectra.shape[1] // 2
    parts = torch.from_numpy(np.fft.irfft(np.stack([spectra[0] * low, spectra[1] * ~low])).astype(np.float32))
    magnitudes = transform(parts).abs()
    ideal = (magnitudes[0] > magnitudes[1]).float()
    assert target_sdr(parts, separated(parts.sum(0), ideal)) > 25
    # A filter of 512 samples may tell the bands apart, so the mixture is judged on parts that share a band.
    white = torch.from_numpy(rng.normal(0, 0.1, (2, 44100)).astype(np.float32)) * torch.tensor([[1.0], [10**-0.3]])
    assert target_sdr(white, torch.stack([white.sum(0)] * 2)) == pytest.approx(6, abs=0.5)
    assert np.isnan(target_sdr(torch.zeros(2, 4410), white[:, :4410]))


def test_windows_cover_a_sound_from_end_to_end_or_lie_in_its_middle() -> None:
    network = TaskNetwork("autoencoder", SMALL)
    sound = torch.arange(100_000.0)[None]
    pieces = Listener(network).cut(sound)[0]
    assert pieces[:, 0].tolist() == [0, 27_950, 55_900]
    assert float(pieces[-1, -1]) == 99_999
    assert Listener(network, span="central").cut(sound)[0, :, 0].tolist() == [27_950]
    short = Listener(network).cut(torch.ones(1, 30_000))[0]
    assert short.shape == (1, 44100)
    assert float(short.sum()) == 30_000


def test_a_layer_that_is_not_there_is_named() -> None:
    with pytest.raises(Exception, match="has no layer 'conv'; it has post_fc, gap"):
        Listener(TaskNetwork("autoencoder", SMALL), "conv")


def test_input_errors_are_one_sentence() -> None:
    with pytest.raises(InputError, match="mu-law has 2 to 65536 levels, not 1"):
        Making(Question("autoencoder"), mulaw=1)
    with pytest.raises(InputError, match="cannot be trained"):
        Size(0.0, 128, 16, 10)
    with pytest.raises(InputError, match="leave out the option shape"):
        Making(Question("autoencoder"), inputs="mfcc", shape="table41")
