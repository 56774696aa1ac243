"""A trained task network as an encoder: what `learned:FOLDER` gives for a folder of the kind "task"."""

from typing import Any, Literal

import torch
from torch import nn

from earwitness.encoders.network import NetworkEncoder, NetworkTagger
from earwitness.errors import EncoderError
from earwitness.learning.checkpoints import architecture
from earwitness.learning.model_folder import Model
from earwitness.learning.tasks.encoder import Layer
from earwitness.learning.tasks.networks import PREDICTORS, Listener, TaskNetwork
from earwitness.learning.tasks.spectra import Shape

KIND = "task"


def encoder_of(
    model: Model,
    device: str | None = None,
    layer: Layer | None = None,
    span: Literal["cover", "central"] = "cover",
) -> NetworkEncoder:
    """The encoder of a model; that of a tagger or of an instrument recogniser also tells tags.

    Parameters
    ----------
    model
        Of the kind "task".
    device
        "cpu", "cuda", ...; None: a graphics processor where torch sees one.
    layer
        "post_fc" or "gap"; None: as it was trained to be read.
    span
        "cover": windows of two seconds from the beginning to the end, the mean of which is taken; "central": one, in
        the middle (Kim 2021, section 4.4).

    Raises
    ------
    EncoderError
        If the files do not make a network, or an option has another value.
    """
    if span not in ("cover", "central"):
        raise EncoderError(f"the option span={span} is neither cover nor central")
    network = network_of(model)
    main = layer or model.facts["options"]["layer"]
    chosen = main if network.inputs == "spectrogram" else layer
    listener = Listener(network, chosen, span)
    name = f"learned:{model.folder.resolve().name}" + (f",layer={layer}" if layer else "")
    name += f",span={span}" if span != "cover" else ""
    if network.task in PREDICTORS:
        return NetworkTagger(name, model.revision, listener, tuple(model.facts["outputs"]), device=device)
    return NetworkEncoder(name, model.revision, listener, device=device)


def network_of(model: Model) -> TaskNetwork:
    """The network that a model describes, with its weights, in evaluation mode.

    Raises
    ------
    EncoderError
        If the description and the weights do not fit.
    """
    try:
        about = dict(model.facts["network"])
        shape = Shape(**{**about.pop("shape"), "channels": tuple(about["channels"])})
        del about["channels"]
        network = TaskNetwork(shape=shape, classes=len(model.facts["outputs"]), **about)
    except (KeyError, TypeError, ValueError) as error:
        raise EncoderError(f"{model.folder} does not describe a network that can be built: train it again") from error
    kept = {name: list(values.shape) for name, values in model.arrays.items()}
    wanted = architecture(network)
    for name in [*wanted, *kept]:
        if kept.get(name) != wanted.get(name):
            raise EncoderError(
                f"the weights in {model.folder} are of another network ({name} is {kept.get(name, 'absent')} and "
                f"{wanted.get(name, 'absent')} is due): copy the folder again, or train it again"
            )
    network.load_state_dict({name: torch.from_numpy(values) for name, values in model.arrays.items()})
    return network.eval()


def description(network: TaskNetwork) -> dict[str, Any]:
    """What `network_of` builds it from."""
    shape = network.shape
    unpooling = next((part.unpooling for part in network.head.modules() if hasattr(part, "unpooling")), "repeat")
    return {
        "task": network.task,
        "shape": {"samples": shape.samples, "bins": shape.bins, "features": shape.features},
        "channels": list(shape.channels),
        "inputs": network.inputs,
        "unpooling": "repeat" if network.inputs == "mfcc" else unpooling,
        "mulaw": network.front.mulaw,
    }


def arrays_of(network: nn.Module) -> dict[str, Any]:
    """Weights and statistics by name."""
    return {name: value.detach().cpu().numpy() for name, value in network.state_dict().items()}
