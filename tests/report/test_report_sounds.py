import io
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import soundfile

from earwitness.audio.perturbations import PitchShift, clip_generator
from earwitness.report.listening import worst
from earwitness.report.page import LIMIT, Page
from earwitness.report.sounds import mp3, render, within
from earwitness.results import AuditResult, Verdict


def decoded(data):
    return soundfile.read(io.BytesIO(data), dtype="float32")


def test_clips_that_a_hardly_audible_change_put_onto_another_come_first(results):
    [first, second, *_] = [example for example in worst(results) if example.audit == "robustness"]
    moved = {(e.clip, e.what, e.sounds[2].clip) for e in (first, second)}
    assert moved == {
        ("<script>alert(1)</script>", "pitch +25 cents, hardly audible", "clip-01"),
        ("clip-03", "pitch +25 cents, hardly audible", "clip-04"),
    }


def test_controls_are_not_asked_for_their_worst(results):
    assert {example.encoder for example in worst(results)} == {"my-model"}


def transfer_result(items):
    return AuditResult("transfer", "e", "d", pd.DataFrame({"measure": [], "value": []}), items=pd.DataFrame(items))


def test_the_surest_mistake_comes_first_beside_a_clip_rightly_so_called():
    items = {
        "clip": ["a", "b", "c", "d"],
        "truth": ["x", "x", "y", "y"],
        "prediction": ["y", "y", "y", "x"],
        "p:x": [0.3, 0.1, 0.2, 0.6],
        "p:y": [0.7, 0.9, 0.8, 0.4],
    }
    found = worst([transfer_result(items)])
    assert [(e.clip, e.what, e.sounds[-1].clip) for e in found] == [("b", "x", "c"), ("a", "x", "c"), ("d", "y", "d")]


def test_tags_that_a_clip_has_are_no_mistake():
    items = {"clip": ["a"], "truth": ["x|y"], "prediction": ["y|z"], "p:x": [0.2], "p:y": [0.99], "p:z": [0.8]}
    [found] = worst([transfer_result(items)])
    assert "taken for z with probability 0.80" in found.found


def test_of_numbers_the_farthest_off_comes_first():
    items = {"clip": ["a", "b"], "truth": [1.0, 2.0], "prediction": [1.5, 5.0]}
    assert [example.clip for example in worst([transfer_result(items)])] == ["b", "a"]


def test_what_is_heard_is_what_was_measured(results, music):
    [example, *_] = [e for e in worst(results) if e.audit == "robustness"]
    heard = next(made for made in render([example], music, seed=0) if made)
    clip = next(clip for clip in music if clip.clip == example.clip)
    audio, rate = clip.audio()
    change = PitchShift(25)
    measured = change(audio, rate, clip_generator(0, clip.content_key(), change.key))
    sound, heard_rate = decoded(heard[example, example.sounds[1]])
    assert heard_rate == rate
    n = rate  # one second; the codec's delay is found by the correlation
    lags = np.correlate(sound[: n + 4000], measured[:n], mode="valid")
    best = sound[lags.argmax() : lags.argmax() + n]
    assert np.corrcoef(best, measured[:n])[0, 1] > 0.999


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 96000])
def test_a_sound_is_a_short_mp3_of_128_kbps(rate):
    data = mp3(np.sin(np.arange(3 * rate) * 0.05).astype(np.float32) * 0.5, rate)
    sound, heard_rate = decoded(data)
    assert len(sound) / heard_rate == pytest.approx(3, abs=0.1)  # the codec pads to whole frames
    assert len(data) * 8 / 3 == pytest.approx(128_000, rel=0.05)


def test_players_stay_within_the_budget(results, music):
    made = list(render(worst(results), music, seed=0))
    assert len(made) > 3
    sizes = [sum(4 * ((len(data) + 2) // 3) for data in example.values()) for example in made]
    assert len(within(sum(sizes[:2]), made)) == len(made[0]) + len(made[1])
    assert within(sizes[0] - 1, made) == {}


def test_clips_that_are_not_there_have_no_sound(results, music):
    assert list(render(worst(results), music.take([]), seed=0)) == []


def test_a_page_of_a_very_large_run_stays_under_ten_megabytes(results):
    table = pd.concat([results[1].table.assign(**{"class": f"a long name of class number {i}"}) for i in range(1500)])
    skipped = pd.DataFrame({"file": [f"{'x' * 200}{i}" for i in range(50_000)], "reason": "empty"})
    verdict = Verdict("open", "t", "text")
    large = replace(results[1], table=table, skipped=skipped, verdicts=(verdict,))
    page = Page((large, *results[2:4]))
    sounds = {(e, sound): b"x" * 100_000 for e in page.examples for sound in e.sounds}
    heard = within(page.room_for_sound(), [{key: data} for key, data in sounds.items()])
    assert heard
    assert len(page.html(heard).encode()) < LIMIT
