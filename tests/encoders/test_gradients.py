"""The way from sound to vector that gradients flow through: the numbers of `encode`, and true slopes."""

import numpy as np
import pytest
import torch

from earwitness.audio import frontends as numpy_frontends
from earwitness.encoders import Differentiable, frontends, load_encoder
from earwitness.encoders.check import difference

SOUND = 0.3 * np.random.default_rng(3).standard_normal((2, 30_011)).astype(np.float32)


@pytest.mark.parametrize("padding", ["constant", "reflect", None])
@pytest.mark.parametrize("samples", [30_011, 700, 300])
def test_the_spectrogram_is_that_of_the_front_end_without_gradients(padding, samples):
    sound = SOUND[:, :samples]
    expected = numpy_frontends.power_spectrogram(sound, 1024, 256, padding=padding)
    given = frontends.power_spectrogram(torch.from_numpy(sound), 1024, 256, padding).numpy()
    assert difference(given, expected) < 1e-6


@pytest.mark.parametrize(("scale", "norm"), [("slaney", "slaney"), ("htk", None)])
def test_mel_bands_in_decibels_are_those_of_the_front_end_without_gradients(scale, norm):
    power = numpy_frontends.mel_spectrogram(SOUND, 22050, n_fft=1024, hop=256, n_mels=64, scale=scale, norm=norm)
    expected = numpy_frontends.decibels(power, range_db=20)
    torch_power = frontends.mel_spectrogram(
        torch.from_numpy(SOUND), 22050, n_fft=1024, hop=256, n_mels=64, scale=scale, norm=norm
    )
    given = frontends.decibels(torch_power, range_db=20)
    np.testing.assert_allclose(given.numpy(), expected, atol=1e-3)  # decibels


@pytest.mark.parametrize("samples", [100_000, 20_000])
@pytest.mark.parametrize("spec", ["musicnn-msd", "musicnn-mtt,layer=tags", "musicnn-mtt-vgg", "random,seed=3"])
def test_the_differentiable_way_gives_the_vectors_of_encode(spec, samples, recording):
    encoder = load_encoder(f"{spec},device=cpu")
    assert isinstance(encoder, Differentiable)
    assert not encoder.module.training
    sounds = np.stack([recording[:samples], 0.5 * recording[samples:0:-1]])
    with torch.no_grad():
        given = encoder.embed_tensor(torch.from_numpy(sounds)).numpy()
    # A power on the edge of two half-precision numbers is rounded to either, by the last bit of the spectrum.
    tolerance = 1e-3 if spec.startswith("musicnn") else 1e-4
    assert difference(given, encoder.encode(sounds)) < tolerance


@pytest.mark.parametrize("spec", ["musicnn-msd", "musicnn-mtt-vgg", "random"])
def test_a_step_along_the_gradient_changes_the_vector_as_the_gradient_says(spec, recording):
    encoder = load_encoder(f"{spec},device=cpu")
    sound = torch.from_numpy(recording[None, 30_000:130_000].copy())

    def loss(x: torch.Tensor) -> torch.Tensor:
        return encoder.embed_tensor(x).square().mean()

    (slope,) = torch.autograd.grad(loss(sound.requires_grad_()), sound)
    assert torch.isfinite(slope).all()
    step = 1e-3 * slope / slope.norm()
    with torch.no_grad():
        measured = float(loss(sound + step) - loss(sound - step))
    assert measured == pytest.approx(2 * float((slope * step).sum()), rel=0.05)


def test_silence_has_a_finite_gradient():
    for spec in ("musicnn-msd", "random"):
        encoder = load_encoder(f"{spec},device=cpu")
        sound = torch.zeros(1, 60_000, requires_grad=True)
        encoder.embed_tensor(sound).sum().backward()
        assert torch.isfinite(sound.grad).all()
