"""Names, options and what is said of those that do not exist."""

import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from earwitness.encoders import Encoder, catalogue, list_encoders, load_encoder
from earwitness.errors import EncoderError


@pytest.mark.parametrize("name", catalogue.CATALOGUE)
def test_every_name_of_the_catalogue_is_an_encoder_of_the_size_it_promises(name):
    own_file = ".hub." in catalogue.CATALOGUE[name].path or ".taggers." in catalogue.CATALOGUE[name].path
    spec = f"{name},weights=none" if own_file else name  # its weights are a file that the user has
    encoder = load_encoder(spec)
    assert isinstance(encoder, Encoder)
    assert encoder.name == spec
    assert encoder.embedding_size == int(catalogue.CATALOGUE[name].description.split()[0])


def test_the_list_has_every_name_and_adapter_with_a_line_on_each():
    listed = list_encoders()
    assert set(catalogue.CATALOGUE) < set(listed)
    assert "onnx:<file>" in listed
    assert all(listed.values())


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("musicn-msd", "no encoder 'musicn-msd'. Did you mean 'musicnn-msd'?"),
        ("zzz", "no encoder 'zzz'. There are mfcc, mfcc-120"),
        ("onx:file.onnx", "before a colon stands one of hear, python, onnx"),
        ("onnx:", "write onnx:<file>"),
        ("onnx:none.onnx", "onnx:none.onnx: there is no such file"),
        ("random,sed=1", "encoder 'random' has no option 'sed'. Did you mean 'seed'?"),
        ("random,seed=one", "the option seed=one is not a number"),
        ("mfcc,seed=1", "It has none."),
        ("random,device=quantum", "torch has no device 'quantum'"),
    ],
)
def test_a_wrong_spec_is_answered_with_the_mend(spec, message):
    with pytest.raises(EncoderError) as caught:
        load_encoder(spec)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_keyword_wins_over_the_spec():
    assert load_encoder("random,seed=1", seed=2).name == "random,seed=2"


def registered(monkeypatch: pytest.MonkeyPatch, *points: tuple[str, str]) -> None:
    found = [EntryPoint(name, value, catalogue.GROUP) for name, value in points]
    monkeypatch.setattr(catalogue, "entry_points", lambda group: found if group == catalogue.GROUP else ())


def test_another_package_registers_an_encoder(monkeypatch):
    registered(monkeypatch, ("theirs", "earwitness.encoders.mfcc:MFCC120"))
    assert load_encoder("theirs").embedding_size == 120
    assert "theirs" in list_encoders()


@pytest.mark.parametrize("points", [[("mfcc", "a:B")], [("x", "a:B"), ("x", "c:D")]])
def test_a_name_taken_twice_is_an_error(monkeypatch, points):
    registered(monkeypatch, *points)
    with pytest.raises(EncoderError, match="taken twice"):
        load_encoder("random")


def test_a_registered_encoder_that_cannot_be_imported_is_named(monkeypatch):
    registered(monkeypatch, ("theirs", "not_a_module_at_all:Encoder"))
    with pytest.raises(EncoderError, match="not_a_module_at_all:Encoder cannot be imported"):
        load_encoder("theirs")


def test_the_room_loads_no_torch():
    ask = "import sys, earwitness; earwitness.load_encoder('mfcc'); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", ask], check=False).returncode == 0
