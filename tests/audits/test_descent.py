"""Descents to a known embedding: what the mathematics says they do, and that they can be stopped anywhere."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from earwitness.audits._descent import Course, Descent, course_key, descend, is_over, start
from earwitness.audits._descent_penalties import mean_power, shifted, total_variation
from earwitness.encoders import frontends
from earwitness.errors import EncoderError, InputError

SAMPLES = 48
RNG = np.random.default_rng(5)
W = RNG.normal(size=(7, SAMPLES)).astype(np.float32)
TARGET = RNG.normal(size=7).astype(np.float32)


def linear(audio: torch.Tensor) -> torch.Tensor:
    return audio @ torch.from_numpy(W).T


def log_mel(audio: torch.Tensor) -> torch.Tensor:
    """A random projection of log-mel frames: what taggers do, without the tags."""
    power = frontends.mel_spectrogram(audio, 8000, n_fft=256, hop=128, n_mels=20)
    projection = torch.from_numpy(np.random.default_rng(1).normal(size=(20, 12)).astype(np.float32))
    return (torch.log10(power + 1e-10).mean(2) @ projection) / 20


def run(hear, target, descent, samples=SAMPLES, seed=0, part=10**6):
    """The whole course, in parts of so many steps that each pass through arrays."""
    course = start(course_key(descent, target, samples, seed), samples, descent, seed)
    while not is_over(course, descent):
        course = Course.from_arrays(descend(hear, target, course, descent, seed, steps=part).arrays())
    return course


def test_gradient_descent_on_a_linear_encoder_falls_as_its_closed_form_says():
    rate, steps = 0.02, 40
    descent = Descent(steps=steps, optimiser="gradient-descent", rate=rate, patience=steps)
    course = run(linear, TARGET, descent)
    # x' = x - rate 2/d W'(W x - t), so that the error e = W x - t follows e' = (I - rate 2/d W W') e.
    A = np.eye(7) - rate * 2 / 7 * W.astype(float) @ W.T
    errors = [W.astype(float) @ start("", SAMPLES, descent, 0).sound - TARGET]
    for _ in range(steps - 1):
        errors.append(A @ errors[-1])
    expected = np.square(errors).mean(1)
    assert expected[-1] < expected[0] / 10
    # Forty float32 steps of rounding.
    np.testing.assert_allclose(course.losses, expected, rtol=1e-4)


def test_adam_is_that_of_kingma_and_ba():
    descent = Descent(steps=25, rate=0.03, patience=25)
    x = start("", SAMPLES, descent, 0).sound.astype(float)
    m, v, losses = 0.0, 0.0, []
    for k in range(1, 26):
        error = W.astype(float) @ x - TARGET
        losses.append(np.square(error).mean())
        g = 2 / 7 * W.T.astype(float) @ error
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        x = x - 0.03 * (m / (1 - 0.9**k)) / (np.sqrt(v / (1 - 0.999**k)) + 1e-8)
    np.testing.assert_allclose(run(linear, TARGET, descent).losses, losses, rtol=1e-3)


def test_of_a_target_that_cannot_be_reached_the_least_loss_is_found():
    row = W[:1] / np.linalg.norm(W[0])

    def twice(audio: torch.Tensor) -> torch.Tensor:
        return (audio @ torch.from_numpy(row).T).expand(-1, 2)

    # Both values are the same, so of (0, 1) the nearest is (1/2, 1/2), at a mean square of 1/4.
    course = run(twice, np.array([0, 1], np.float32), Descent(steps=400, rate=0.01))
    assert course.objectives.min() == pytest.approx(0.25, abs=1e-6)
    assert row @ course.best == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize("optimiser", ["adam", pytest.param("gradient-descent", marks=pytest.mark.slow)])
def test_a_target_that_a_sound_has_is_reached(optimiser):
    time_s = np.arange(2000) / 8000
    sound = (0.2 * np.sin(2 * np.pi * 700 * time_s) + 0.05 * RNG.normal(size=2000)).astype(np.float32)
    target = log_mel(torch.from_numpy(sound[None]))[0].numpy()
    rate = {"adam": 1e-3, "gradient-descent": 2.0}[optimiser]
    course = run(log_mel, target, Descent(steps=1200, optimiser=optimiser, rate=rate), samples=2000)
    assert course.losses[0] > 0.01
    assert course.objectives.min() < 1e-4 * course.losses[0]
    reached = log_mel(torch.from_numpy(course.best[None]))[0].numpy()
    assert np.square(reached - target).mean() == pytest.approx(course.objectives.min(), rel=1e-5)


@pytest.mark.parametrize("optimiser", ["adam", "gradient-descent"])
@pytest.mark.parametrize("part", [1, 7, 20])
def test_a_descent_in_parts_ends_with_the_same_sound_bit_for_bit(optimiser, part):
    descent = Descent(steps=43, optimiser=optimiser, total_variation=2.0, power=5.0, jitter=9)
    target = np.full(12, 0.1, np.float32)
    whole = run(log_mel, target, descent, samples=1500, seed=3)
    cut = run(log_mel, target, descent, samples=1500, seed=3, part=part)
    for name, array in whole.arrays().items():
        np.testing.assert_array_equal(cut.arrays()[name], array, err_msg=name)


def test_more_steps_go_on_where_fewer_ended():
    target = np.full(12, 0.1, np.float32)
    few, many = Descent(steps=13), Descent(steps=31)
    assert few.key == many.key
    first = run(log_mel, target, few, samples=1500)
    on = descend(log_mel, target, first, many, 0, steps=100)
    np.testing.assert_array_equal(on.best, run(log_mel, target, many, samples=1500).best)


def test_it_stops_once_the_loss_has_stopped_falling():
    descent = Descent(steps=5000, optimiser="gradient-descent", rate=0.02, patience=10, tolerance=0.5)
    course = run(linear, TARGET, descent)
    assert course.steps < 5000
    anchor, since = np.inf, 0
    for step, loss in enumerate(course.losses):
        if loss < anchor / 2:
            anchor, since = loss, step
    assert course.steps - since == 11  # ten steps of patience, and the step that went beyond
    assert is_over(course, descent)
    cut = run(linear, TARGET, descent, part=4)
    np.testing.assert_array_equal(cut.losses, course.losses)


def test_samples_stay_within_the_range_of_sound():
    far = np.full(7, 1e3, np.float32)
    course = run(linear, far, Descent(steps=50, rate=0.2))
    assert np.abs(course.sound).max() == 1
    assert np.abs(course.best).max() <= 1


def test_penalties_are_what_their_formulas_say():
    sound = torch.from_numpy(RNG.normal(size=4000).astype(np.float32))
    assert float(mean_power(sound)) == pytest.approx(float((sound.numpy() ** 2).mean()), rel=1e-6)
    S = np.sqrt(frontends.power_spectrogram(sound[None], 512, 256, "constant")[0].numpy()) / 256
    expected = np.abs(np.diff(S, axis=1)).mean() + np.abs(np.diff(S, axis=0)).mean()
    assert float(total_variation(sound)) == pytest.approx(float(expected), rel=1e-5)


def test_a_steady_tone_varies_less_in_time_than_noise_of_its_power():
    time_s = np.arange(8000) / 8000
    tone = np.sqrt(2) * np.sin(2 * np.pi * 1000 * time_s)
    noise = RNG.normal(size=8000)
    tone, noise = (torch.from_numpy(x.astype(np.float32)) for x in (tone, noise))
    assert total_variation(tone) < 0.5 * total_variation(noise)


def test_penalties_make_a_sound_quieter_and_smoother():
    target = log_mel(torch.from_numpy((0.1 * RNG.normal(size=(1, 2000))).astype(np.float32)))[0].numpy()
    plain = Descent(steps=150, start_std=0.1)
    free = torch.from_numpy(run(log_mel, target, plain, samples=2000).best)
    for penalties in ({"total_variation": 100.0}, {"power": 300.0}):
        strict = Descent(steps=150, start_std=0.1, **penalties)
        bound = torch.from_numpy(run(log_mel, target, strict, samples=2000).best)
        assert total_variation(bound) < total_variation(free)
        assert mean_power(bound) < mean_power(free)


@given(st.integers(0, 50), st.integers(0, 1000), st.integers(0, 1000))
@settings(max_examples=50, deadline=None)
def test_jitter_turns_a_sound_round_by_no_more_than_it_may(jitter, seed, step):
    sound = torch.zeros(200)
    sound[100] = 1
    place = int(shifted(sound, jitter, seed, step).argmax())
    assert abs(place - 100) <= jitter
    assert torch.equal(shifted(sound, jitter, seed, step), shifted(sound, jitter, seed, step))


def test_silence_has_no_gradient_and_that_is_said():
    def floored(audio: torch.Tensor) -> torch.Tensor:
        return torch.clamp(audio.square().mean(1, keepdim=True), min=1e-2).log()

    with pytest.raises(EncoderError, match="gradients do not reach the sound"):
        run(floored, np.zeros(1, np.float32), Descent(start_std=1e-4))
    with pytest.raises(EncoderError, match="gradients do not reach the sound"):
        run(lambda audio: linear(audio).detach(), TARGET, Descent())


def test_a_rate_that_is_too_large_is_said_to_be():
    with pytest.raises(InputError, match=r"not finite at step .*smaller rate than 1e\+30"):
        run(lambda x: linear(x).pow(9) * 1e30, TARGET, Descent(rate=1e30, optimiser="gradient-descent"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"optimiser": "adma"}, "choose adam or gradient-descent"),
        ({"steps": 0}, "steps is 0"),
        ({"rate": -1.0}, "learning rate is -1"),
        ({"start_std": float("nan")}, "start std is nan"),
        ({"jitter": -1}, "jitter is -1"),
    ],
)
def test_options_that_make_no_sense_are_one_sentence(options, words):
    with pytest.raises(InputError, match=words):
        Descent(**options)


def test_an_unknown_penalty_is_named():
    assert Descent().regularised(power=7.0).power == 7.0
    with pytest.raises(InputError, match="no penalty 'loudness'"):
        Descent().regularised(loudness=1.0)
