"""Encoders of others: a Python file, a HEAR module, ONNX, TorchScript, the hub, a table of vectors."""

import pickle
import sys
import warnings
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from earwitness.embeddings import Embeddings
from earwitness.encoders import PrecomputedEncoder, Tagger, check_encoder, load_encoder
from earwitness.errors import EncoderError, MissingExtraError

FIFTEEN_LINES = '''
import numpy as np

class Bands:
    """Mean level in eight bands."""
    sample_rate = 8000

    def __init__(self, bands: int = 8):
        self.bands = bands

    def encode(self, audio):
        power = np.abs(np.fft.rfft(audio)) ** 2
        parts = np.array_split(power, self.bands, axis=1)
        return np.log1p(np.stack([p.mean(1) for p in parts], axis=1)).astype(np.float32)
'''
OTHER_FORMS = """
import numpy as np
from dataclasses import dataclass

def level(audio):
    return np.stack([audio.mean(1), audio.std(1)], axis=1).astype(np.float32)
level.sample_rate = 8000

@dataclass
class Whole:
    name: str = "whole"
    revision: str = "7"
    sample_rate: int = 8000
    embedding_size: int = 2
    window: float = 0.5
    tag_names: tuple = ("a", "b")
    def encode(self, audio):
        return level(audio)
    def tags(self, audio):
        return level(audio)

def make():
    return Whole()

instance = Whole()
number = 3
def no_rate(audio):
    return level(audio)
def wrong():
    return 3
"""
HEAR = """
import torch

class Model(torch.nn.Module):
    sample_rate = 8000
    scene_embedding_size = 5
    timestamp_embedding_size = 5
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.linspace(0.1, 1, 5))
        self.dropout = torch.nn.Dropout(0.5)

def load_model(model_file_path=""):
    return Model()

def get_timestamp_embeddings(audio, model):
    frames = audio.unfold(1, 400, 400).square().mean(2)
    times = torch.arange(frames.shape[1])[None] * 50.0
    return model.dropout(frames[:, :, None] * model.weight), times.expand(len(audio), -1)
"""
HEAR_SCENE = """
def get_scene_embeddings(audio, model):
    return get_timestamp_embeddings(audio, model)[0].mean(1)
"""


@pytest.fixture
def sounds() -> np.ndarray:
    return np.random.default_rng(3).normal(0, 0.2, (3, 8000)).astype(np.float32)


def test_fifteen_lines_of_python_are_an_encoder_that_passes_the_check(tmp_path):
    file = tmp_path / "bands.py"
    file.write_text(FIFTEEN_LINES)
    assert len(FIFTEEN_LINES.strip().splitlines()) <= 15
    encoder = load_encoder(f"python:{file}:Bands")
    assert (encoder.name, encoder.embedding_size, encoder.window) == ("bands:Bands", 8, None)
    assert check_encoder(encoder).passed
    wider = load_encoder(f"python:{file}:Bands", bands=16)
    assert (wider.name, wider.embedding_size) == ("bands:Bands,bands=16", 16)
    assert wider.revision != encoder.revision
    assert load_encoder(f"python:{file}:Bands,bands=16").revision == wider.revision
    with pytest.raises(EncoderError, match=r"has no option 'band'\. Did you mean 'bands'"):
        load_encoder(f"python:{file}:Bands,band=16")
    file.write_text(FIFTEEN_LINES.replace("log1p", "sqrt"))
    assert load_encoder(f"python:{file}:Bands").revision != encoder.revision


@pytest.mark.parametrize("form", ["level", "Whole", "make", "instance"])
def test_a_function_a_class_a_maker_and_an_instance_all_serve(tmp_path, sounds, form):
    file = tmp_path / "forms.py"
    file.write_text(OTHER_FORMS)
    encoder = load_encoder(f"python:{file}:{form}")
    expected = np.stack([sounds.mean(1), sounds.std(1)], axis=1)
    np.testing.assert_allclose(encoder.encode(sounds), expected, atol=1e-6)
    assert encoder.embedding_size == 2
    if form != "level":
        assert (encoder.name, encoder.revision, encoder.window) == ("whole", "7", 0.5)
        assert isinstance(encoder, Tagger)
    else:
        assert not isinstance(encoder, Tagger)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("forms.py:levle", "Did you mean 'level'"),
        ("forms.py:number", "is a int, which is neither an encoder nor a function"),
        ("forms.py:no_rate", "does not say its sample rate"),
        ("forms.py:wrong", "returned a int without `encode`"),
        ("forms.py", "write the file and the name in it"),
        ("absent.py:x", "there is no such file"),
        ("broken.py:x", "broken.py cannot be run: ZeroDivisionError"),
    ],
)
def test_a_python_file_that_does_not_serve_is_answered_in_one_sentence(tmp_path, monkeypatch, target, message):
    monkeypatch.chdir(tmp_path)
    Path("forms.py").write_text(OTHER_FORMS)
    Path("broken.py").write_text("1 / 0")
    with pytest.raises(EncoderError, match=message):
        load_encoder(f"python:{target}")


@pytest.mark.parametrize("source", [HEAR, HEAR + HEAR_SCENE], ids=["timestamps", "scenes"])
def test_a_hear_module_is_an_encoder(tmp_path, monkeypatch, sounds, source):
    name = f"hear_module_{len(source)}"
    (tmp_path / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    encoder = load_encoder(f"hear:{name}")
    assert (encoder.name, encoder.sample_rate, encoder.embedding_size) == (f"hear:{name}", 8000, 5)
    expected = (sounds**2).mean(1)[:, None] * np.linspace(0.1, 1, 5)
    np.testing.assert_allclose(encoder.encode(sounds), expected, rtol=1e-5)
    assert check_encoder(encoder).passed


def test_what_is_no_hear_module_is_said_to_lack_its_functions():
    with pytest.raises(EncoderError, match="json is no HEAR module"):
        load_encoder("hear:json")
    with pytest.raises(EncoderError, match="hear:no_such_module_here cannot be imported: ModuleNotFoundError"):
        load_encoder("hear:no_such_module_here")


def onnx_file(path: Path, rate: int | None = 8000) -> np.ndarray:
    """Write a graph: frames of 400 samples through six filters, the largest answer of each. Returns the filters."""
    filters = np.random.default_rng(1).normal(0, 0.1, (6, 1, 400)).astype(np.float32)
    nodes = [
        helper.make_node("Unsqueeze", ["sound", "axis"], ["one_channel"]),
        helper.make_node("Conv", ["one_channel", "filters"], ["answers"], strides=[400]),
        helper.make_node("ReduceMax", ["answers", "last"], ["vector"], keepdims=0),
    ]
    constants = [
        numpy_helper.from_array(filters, "filters"),
        numpy_helper.from_array(np.array([1]), "axis"),
        numpy_helper.from_array(np.array([2]), "last"),
    ]
    graph = helper.make_graph(
        nodes,
        "bank",
        [helper.make_tensor_value_info("sound", TensorProto.FLOAT, ["n", "samples"])],
        [helper.make_tensor_value_info("vector", TensorProto.FLOAT, ["n", 6])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    if rate:
        helper.set_model_props(model, {"sample_rate": str(rate)})
    onnx.save(model, str(path))
    return filters[:, 0]


def test_an_onnx_graph_is_an_encoder(tmp_path, sounds):
    filters = onnx_file(tmp_path / "bank.onnx")
    encoder = load_encoder(f"onnx:{tmp_path / 'bank.onnx'}")
    expected = (sounds.reshape(3, 20, 400) @ filters.T).max(1)
    np.testing.assert_allclose(encoder.encode(sounds), expected, atol=1e-5)
    assert (encoder.name, encoder.sample_rate, encoder.embedding_size) == ("bank", 8000, 6)


def test_an_onnx_graph_without_a_rate_asks_for_it(tmp_path):
    file = tmp_path / "bank.onnx"
    onnx_file(file, rate=None)
    with pytest.raises(EncoderError, match="does not say its sample rate: add the option"):
        load_encoder(f"onnx:{file}")
    assert load_encoder(f"onnx:{file},sample_rate=8000,window=0.5").window == 0.5
    with pytest.raises(EncoderError, match="has no output 'x'; it has vector"):
        load_encoder(f"onnx:{file},sample_rate=8000,output=x")
    file.write_bytes(b"text")
    with pytest.raises(EncoderError, match="is not an ONNX graph"):
        load_encoder(f"onnx:{file},sample_rate=8000")


class Scripted(torch.nn.Module):
    sample_rate: int
    window: float

    def __init__(self) -> None:
        super().__init__()
        self.sample_rate, self.window = 8000, 0.5
        self.linear = torch.nn.Linear(400, 6)

    def forward(self, sound: torch.Tensor) -> torch.Tensor:
        return self.linear(sound.unfold(1, 400, 400))


def test_a_torchscript_module_is_an_encoder_and_its_times_are_averaged(tmp_path, sounds):
    module, file = Scripted(), tmp_path / "net.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch would rather have its newer format
        torch.jit.script(module).save(str(file))
    encoder = load_encoder(f"torchscript:{file},device=cpu")
    with torch.no_grad():
        expected = module(torch.from_numpy(sounds)).mean(1).numpy()
    np.testing.assert_allclose(encoder.encode(sounds), expected, atol=1e-6)
    assert (encoder.name, encoder.sample_rate, encoder.window, encoder.embedding_size) == ("net", 8000, 0.5, 6)
    heard = torch.from_numpy(sounds).requires_grad_()
    given = encoder.embed_tensor(heard)
    np.testing.assert_allclose(given.detach().numpy(), expected, atol=1e-6)
    given.sum().backward()
    assert heard.grad.any()


def test_a_pickle_is_not_taken_for_torchscript(tmp_path):
    file = tmp_path / "net.pt"
    file.write_bytes(pickle.dumps({"weights": [1, 2]}))
    with pytest.raises(EncoderError, match="is not a TorchScript module"):
        load_encoder(f"torchscript:{file}")


def test_a_model_of_the_hub_is_an_encoder(tmp_path, sounds):
    transformers = pytest.importorskip("transformers", reason="the extra `hub` is not installed")
    settings = transformers.Wav2Vec2Config(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, conv_dim=(8, 8),
        conv_stride=(5, 4), conv_kernel=(10, 8), num_feat_extract_layers=2, num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2,
    )  # fmt: skip
    transformers.Wav2Vec2Model(settings).save_pretrained(tmp_path)
    transformers.Wav2Vec2FeatureExtractor(sampling_rate=8000).save_pretrained(tmp_path)
    encoder = load_encoder(f"huggingface:{tmp_path},device=cpu")
    assert (encoder.sample_rate, encoder.embedding_size) == (8000, 16)
    assert encoder.encode(sounds).shape == (3, 16)
    assert check_encoder(encoder).passed
    assert load_encoder(f"huggingface:{tmp_path},layer=0").name.endswith(",layer=0")


def test_without_the_extra_its_name_is_said(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'earwitness\[hub\]'"):
        load_encoder("huggingface:owner/model")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    onnx_file(tmp_path / "bank.onnx")
    with pytest.raises(MissingExtraError, match=r"pip install 'earwitness\[onnx\]'"):
        load_encoder(f"onnx:{tmp_path / 'bank.onnx'}")


def test_an_adapted_encoder_travels_as_its_recipe(tmp_path, monkeypatch, sounds):
    monkeypatch.chdir(tmp_path)
    Path("bands.py").write_text(FIFTEEN_LINES)
    onnx_file(tmp_path / "bank.onnx")
    for spec in ("python:bands.py:Bands,bands=4", "onnx:bank.onnx"):
        encoder = load_encoder(spec)
        again = pickle.loads(pickle.dumps(encoder))
        assert (again.name, again.revision) == (encoder.name, encoder.revision)
        np.testing.assert_array_equal(again.encode(sounds), encoder.encode(sounds))


def test_a_table_of_vectors_stands_in_for_an_encoder(tmp_path, sounds):
    vectors = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    file = tmp_path / "vectors.parquet"
    Embeddings(vectors, pd.DataFrame({"clip": ["a", "b", "c"]}), "theirs", "2").to_parquet(file)
    encoder = load_encoder(f"embeddings:{file}")
    assert isinstance(encoder, PrecomputedEncoder)
    assert (encoder.name, encoder.revision, encoder.embedding_size) == ("theirs", "2", 4)
    np.testing.assert_array_equal(encoder.embeddings.vectors, vectors)
    for ask in (lambda: encoder.encode(sounds), lambda: check_encoder(encoder)):
        with pytest.raises(EncoderError, match="theirs"):
            ask()
    with pytest.raises(EncoderError, match="there is no such file"):
        load_encoder("embeddings:absent.parquet")


def test_a_table_of_another_program_gets_a_revision_from_its_content(tmp_path):
    for name, shift in [("one", 0), ("two", 1)]:
        frame = pd.DataFrame({"clip": ["a", "b"], "vector": [[1.0 + shift, 2.0], [3.0, 4.0]]})
        frame.to_parquet(tmp_path / f"{name}.parquet")
    one, two = (load_encoder(f"embeddings:{tmp_path / name}.parquet") for name in ("one", "two"))
    assert one.name == "embeddings:one.parquet"
    assert one.revision != two.revision
