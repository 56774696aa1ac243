"""Reading files of weights: files made here, in each of the published formats, and others that do not fit."""

import gzip
import hashlib
import io
import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from earwitness.encoders import load_encoder
from earwitness.encoders.hub.openl3 import OpenL3
from earwitness.encoders.hub.vggish import VGGish
from earwitness.encoders.hub.yamnet import YAMNet
from earwitness.encoders.published import file_hash
from earwitness.encoders.tables import MAGIC
from earwitness.encoders.taggers.encoder import NETWORKS
from earwitness.encoders.weight_files import WeightFile, read_weights
from earwitness.errors import EncoderError

# --- writers of the published formats -----------------------------------------------------------------------------


def write_keras(file: Path, layers: dict[str, dict[str, np.ndarray]]) -> Path:
    """A file as Keras writes it: layers by attribute, in order, those without weights too."""
    with h5py.File(file, "w") as root:
        root.attrs["layer_names"] = [name.encode() for name in layers]
        for layer, arrays in layers.items():
            group = root.create_group(layer)
            group.attrs["weight_names"] = [f"{layer}/{name}:0".encode() for name in arrays]
            for name, values in arrays.items():
                group[f"{layer}/{name}:0"] = values
    return file


def keras_layers(module: torch.nn.Module, *, gamma: bool) -> dict[str, dict[str, np.ndarray]]:
    """A module's weights by Keras' conventions: its axes, and names numbered from nothing, as TensorFlow 2 numbers."""
    layers: dict[str, dict[str, np.ndarray]] = {"input_1": {}}
    for part in module.modules():
        if isinstance(part, torch.nn.Conv2d):
            kernel = part.weight.numpy()
            depthwise = part.groups > 1
            turned = kernel.transpose(2, 3, 0, 1) if depthwise else kernel.transpose(2, 3, 1, 0)
            arrays = {"depthwise_kernel" if depthwise else "kernel": turned}
        elif isinstance(part, torch.nn.Linear):
            arrays = {"kernel": part.weight.numpy().T}
        elif isinstance(part, torch.nn.BatchNorm2d):
            arrays = {"gamma": part.weight.numpy()} if gamma else {}
            arrays |= {"beta": part.bias.numpy(), "moving_mean": part.running_mean.numpy()}
            arrays |= {"moving_variance": part.running_var.numpy()}
            layers[f"layer_{len(layers)}"] = arrays
            continue
        else:
            continue
        if part.bias is not None:
            arrays["bias"] = part.bias.numpy()
        layers[f"layer_{len(layers)}"] = arrays
        layers[f"activation_{len(layers)}"] = {}
    return layers


def varint(number: int) -> bytes:
    parts = []
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])


def field(number: int, content: bytes) -> bytes:
    """A field of bytes of a protocol buffer."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def block(entries: list[tuple[bytes, bytes]]) -> bytes:
    """A block of a table, each key told by what it shares with the one before."""
    parts, before = [], b""
    for key, value in entries:
        shared = next(
            (i for i, (a, b) in enumerate(zip(before, key, strict=False)) if a != b), min(len(before), len(key))
        )
        parts.append(varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value)
        before = key
    return b"".join(parts) + (0).to_bytes(4, "little") + (1).to_bytes(4, "little")


def v1_checkpoint(variables: dict[str, np.ndarray], *, raw: bool = False, compression: bytes = b"\0") -> bytes:
    """A TensorFlow 1 checkpoint in one file: a header, a block a variable, an index, a footer."""
    content, index = b"", []

    def add(entries: list[tuple[bytes, bytes]]) -> bytes:
        nonlocal content
        handle = varint(len(content)) + varint(len(block(entries)))
        content += block(entries) + compression + b"\0\0\0\0"
        return handle

    index.append((b"", add([(b"", field(1, b"header"))])))
    for name, values in sorted(variables.items()):
        tensor = varint(1 << 3) + b"\x01" + field(4 if raw else 5, values.astype("<f4").tobytes())
        piece = field(1, name.encode()) + field(2, b"") + field(3, tensor)
        key = b"\0" + name.encode()
        index.append((key, add([(key, field(2, piece))])))
    handles = add([]) + add(index)
    return content + handles.ljust(40, b"\0") + MAGIC


def vggish_variables(module: torch.nn.Module) -> dict[str, np.ndarray]:
    names = ("conv1", "conv2", "conv3/conv3_1", "conv3/conv3_2", "conv4/conv4_1", "conv4/conv4_2")
    names += ("fc1/fc1_1", "fc1/fc1_2", "fc2")
    parts = [m for m in module.modules() if isinstance(m, torch.nn.Conv2d | torch.nn.Linear)]
    found = {}
    for name, part in zip(names, parts, strict=True):
        weight = part.weight.numpy()
        turned = weight.T if weight.ndim == 2 else weight.transpose(2, 3, 1, 0)
        found |= {f"vggish/{name}/weights": turned.ravel(), f"vggish/{name}/biases": part.bias.numpy()}
    return found


def same_weights(module: torch.nn.Module, other: torch.nn.Module) -> bool:
    states = zip(module.state_dict().items(), other.state_dict().items(), strict=True)
    return all(a == b and torch.equal(x, y) for (a, x), (b, y) in states if not a.endswith("tracked"))


# --- conversion ---------------------------------------------------------------------------------------------------


def test_yamnet_is_read_from_keras_by_the_order_of_its_layers(tmp_path, filled):
    network = filled(YAMNet())
    for name, value in network.named_parameters():
        if name.endswith("bn.weight"):
            value.fill_(1)
    layers = keras_layers(network, gamma=False)
    assert sum(bool(arrays) for arrays in layers.values()) == 55
    encoder = load_encoder("yamnet", weights=str(write_keras(tmp_path / "yamnet.h5", layers)))
    assert same_weights(encoder.module, network)
    digest = hashlib.sha256((tmp_path / "yamnet.h5").read_bytes()).hexdigest()
    assert (encoder.name, encoder.revision) == ("yamnet", f"1-yamnet.h5-{digest[:12]}")


def test_openl3_is_read_from_a_gzipped_file_that_still_has_its_spectrogram_layer(tmp_path, filled):
    network = filled(OpenL3())
    layers = keras_layers(network, gamma=True)
    assert sum(bool(arrays) for arrays in layers.values()) == 16
    layers = {"input_1": {}, "melspectrogram_1": {"freq2mel": np.zeros((3, 2))}, **layers}
    plain = write_keras(tmp_path / "plain.h5", layers)
    packed = tmp_path / "mine.h5.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes(), 1))
    for file in (plain, packed):
        assert same_weights(load_encoder(f"openl3,size=512,weights={file}").module, network)


def test_the_ports_of_openl3_and_vggish_are_read_with_their_spectrogram_layer_passed_over(tmp_path, filled):
    network = filled(OpenL3())
    state = {**network.state_dict(), "speclayer.mel_basis": torch.zeros(256, 1025)}
    torch.save(state, tmp_path / "port.pth.tar")
    assert same_weights(load_encoder(f"openl3,weights={tmp_path / 'port.pth.tar'}").module, network)
    torch.save({"state_dict": state}, tmp_path / "nested.pth")
    assert same_weights(load_encoder(f"openl3,weights={tmp_path / 'nested.pth'}").module, network)


@pytest.mark.parametrize("raw", [False, True])
def test_a_checkpoint_of_tensorflow_1_is_read_bit_by_bit(tmp_path, raw):
    rng = np.random.default_rng(0)
    variables = {f"vggish/{name}": rng.normal(size=size).astype(np.float32) for name, size in
                 [("conv1/biases", 3), ("conv1/weights", 70_000), ("fc2/weights", 1)]}  # fmt: skip
    file = tmp_path / "small.ckpt"
    file.write_bytes(v1_checkpoint(variables, raw=raw))
    found = read_weights(file)
    assert found.format == "tensorflow"
    assert found.arrays.keys() == variables.keys()
    assert all(np.array_equal(found.arrays[name], values) for name, values in variables.items())


def test_vggish_takes_the_variables_of_tensorflow_in_its_own_axes(vggish):
    taken = VGGish()
    variables = vggish_variables(vggish)
    taken.load_file(WeightFile(Path("x.ckpt"), "tensorflow", variables))
    assert same_weights(taken, vggish)
    variables["vggish/conv1/biases"] = np.zeros(63, np.float32)
    with pytest.raises(EncoderError, match=r"vggish/conv1/biases has 63 values where \(64,\) are due"):
        taken.load_file(WeightFile(Path("x.ckpt"), "tensorflow", variables))
    del variables["vggish/conv1/weights"]
    with pytest.raises(EncoderError, match=r"x\.ckpt does not fit: it lacks vggish/conv1/weights"):
        taken.load_file(WeightFile(Path("x.ckpt"), "tensorflow", variables))


@pytest.mark.slow
def test_vggish_is_loaded_from_a_whole_checkpoint_with_its_pca(tmp_path, vggish, drawn, sweep):
    (tmp_path / "mine.ckpt").write_bytes(v1_checkpoint(vggish_variables(vggish)))
    means = drawn("pca_means.bias", (128, 1))
    np.savez(tmp_path / "pca.npz", pca_eigen_vectors=20 * drawn("pca_eigen_vectors", (128, 128)), pca_means=means)
    spec = f"vggish,postprocess=true,weights={tmp_path / 'mine.ckpt'},pca={tmp_path / 'pca.npz'}"
    encoder = load_encoder(spec)
    assert same_weights(encoder.module, vggish)
    assert encoder.name == "vggish,postprocess=true"
    assert "mine.ckpt" in encoder.revision
    assert "pca.npz" in encoder.revision
    values = encoder.answers(sweep(40_000, 16000))
    np.testing.assert_array_equal(values, values.astype(np.uint8))


@pytest.mark.parametrize("name", ["musicnn-jamendo", "hcnn"])
def test_a_tagger_is_loaded_from_upstreams_file_wherever_it_is_put(name, offline, filled, sweep):
    kind, folder = NETWORKS[name]
    network = filled(kind())
    extra = {"spec.mel_scale.fb": torch.zeros(257, 96), "hstft.spec.window": torch.zeros(512)}
    place = offline / "weights" / "jamendo" / folder / "best_model.pth"
    place.parent.mkdir(parents=True)
    torch.save({**network.state_dict(), **extra}, place)
    sound = sweep(network.samples, 16000)[:1]
    expected = network(torch.from_numpy(sound)).numpy()
    for weights in (None, str(place), str(place.parent), str(place.parent.parent.parent)):
        encoder = load_encoder(name, weights=weights, device="cpu")
        np.testing.assert_allclose(encoder.encode(sound), expected, rtol=1e-5, atol=1e-5)
        assert (encoder.name, encoder.revision) == (name, f"1-best_model.pth-{file_hash(place)[:12]}")


# --- what does not fit --------------------------------------------------------------------------------------------


def test_a_file_that_does_not_fit_is_refused_by_the_first_name_or_shape(tmp_path, filled):
    state = filled(NETWORKS["samplecnn"][0]()).state_dict()
    cases = {
        "it lacks dense.bias": {k: v for k, v in state.items() if k != "dense.bias"},
        "it has dense9, which the network has not": {**state, "dense9": torch.zeros(1)},
        r"dense.bias has the shape \(49,\), not \(50,\)": {**state, "dense.bias": torch.zeros(49)},
    }
    for message, changed in cases.items():
        torch.save(changed, tmp_path / "x.pth")
        with pytest.raises(EncoderError, match=f"x.pth does not fit: {message}"):
            load_encoder(f"samplecnn,weights={tmp_path / 'x.pth'}")


def test_a_keras_file_that_does_not_fit_is_refused(tmp_path, filled):
    layers = keras_layers(filled(OpenL3()), gamma=True)
    first = next(name for name, arrays in layers.items() if "kernel" in arrays)
    cases = {
        "it has 15 layers with weights, not 16": {k: v for k, v in layers.items() if k != first},
        "lacks bias": {**layers, first: {"kernel": layers[first]["kernel"]}},
        r"kernel has the shape .* is due": {**layers, first: {**layers[first], "kernel": np.zeros((3, 3, 2, 64))}},
    }
    for message, changed in cases.items():
        file = write_keras(tmp_path / "x.h5", changed)
        with pytest.raises(EncoderError, match=f"does not fit: .*{message}"):
            load_encoder(f"openl3,weights={file}")


def test_files_of_another_format_or_damaged_are_refused(tmp_path):
    state = io.BytesIO()
    torch.save({"a": torch.zeros(3)}, state)
    compressed = v1_checkpoint({"a": np.zeros(3, np.float32)}, compression=b"\1")
    cases = {
        "text.pth": (b"<html>not found</html>", "cannot be read"),
        "cut.pth": (state.getvalue()[:-100], "cannot be read"),
        "list.pth": (b"", "cannot be read"),
        "snappy.ckpt": (compressed, "a block of the checkpoint's table is compressed"),
        "cut.h5": (b"\x89HDF\r\n\x1a\n" + bytes(100), "cannot be read"),
        "cut.h5.gz": (gzip.compress(bytes(1000))[:20], "cannot be read"),
    }
    for name, (content, message) in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(EncoderError, match=message):
            load_encoder(f"yamnet,weights={tmp_path / name}")
    (tmp_path / "v1.ckpt").write_bytes(v1_checkpoint({"a": np.zeros(3, np.float32)}))
    with pytest.raises(EncoderError, match=r"is a checkpoint of TensorFlow, and YAMNet was published as yamnet\.h5"):
        load_encoder(f"yamnet,weights={tmp_path / 'v1.ckpt'}")
    with pytest.raises(EncoderError, match="is no file of PyTorch, and FCN was published as one"):
        load_encoder(f"fcn,weights={tmp_path / 'v1.ckpt'}")


class Trap:
    """What a pickle can do to whoever loads it."""

    def __reduce__(self):
        return Path.touch, (Path("trap-was-sprung"),)


def test_a_pickle_is_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"dense.weight": Trap()}, tmp_path / "best_model.pth")
    (tmp_path / "plain.pth").write_bytes(pickle.dumps(Trap()))
    for name in ("best_model.pth", "plain.pth"):
        with pytest.raises(EncoderError, match="cannot be read"):
            load_encoder(f"fcn,weights={tmp_path / name}")
    assert not (tmp_path / "trap-was-sprung").exists()
    arrays = {"pca_eigen_vectors": np.array([Trap()], dtype=object), "pca_means": np.zeros(128)}
    np.savez(tmp_path / "pca.npz", **arrays)
    with pytest.raises(EncoderError, match=r"is not the file vggish_pca_params\.npz"):
        VGGish().load_pca(tmp_path / "pca.npz")
