"""ONNX graphs: `onnx:<file>`. The graph takes float32 [n, samples] and returns [n, d], or [n, times, d].

A graph is data and runs only the operators of the runtime. It may say its `sample_rate`, `window` (seconds) and `name`
in its metadata; options win over those. Where it returns several outputs the first is taken, unless `output` names one.
"""

from typing import Any

from earwitness.encoders.adapters.adapted import AdaptedEncoder, existing_file, rate_of
from earwitness.encoders.protocol import Audio
from earwitness.errors import EncoderError, MissingExtraError
from earwitness.store import content_hash


def load(
    path: str,
    sample_rate: int | None = None,
    window: float | None = None,
    output: str | None = None,
    threads: int = 1,
) -> AdaptedEncoder:
    """The encoder in an ONNX file.

    Parameters
    ----------
    path
        The file.
    sample_rate, window
        Of the sound it takes, in Hz and seconds; None: as its metadata say, and whole clips.
    output
        Name of the output to take.
    threads
        For one call; workers already share the cores.

    Raises
    ------
    EncoderError
        If the file cannot be loaded, or does not take one array of sounds.
    MissingExtraError
        If onnxruntime is not installed.
    """
    file = existing_file(path, "onnx")
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtraError("reading an ONNX file", "onnx") from error
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    providers = [
        p for p in ("CUDAExecutionProvider", "CPUExecutionProvider") if p in onnxruntime.get_available_providers()
    ]
    try:
        session = onnxruntime.InferenceSession(str(file), settings, providers=providers)
    except Exception as error:  # the runtime's exceptions have no common class
        raise EncoderError(f"{file} is not an ONNX graph that can be loaded: {str(error).splitlines()[0]}") from error
    names, outputs = [i.name for i in session.get_inputs()], [o.name for o in session.get_outputs()]
    if len(names) != 1:
        raise EncoderError(f"{file} takes {len(names)} inputs ({', '.join(names)}); one array [sounds, samples] is due")
    if output is not None and output not in outputs:
        raise EncoderError(f"{file} has no output {output!r}; it has {', '.join(outputs)}")
    about = session.get_modelmeta().custom_metadata_map
    taken = output or outputs[0]

    def run(audio: Audio) -> Any:
        return session.run([taken], {names[0]: audio})[0]

    stated = about.get("window")
    return AdaptedEncoder(
        name=about.get("name") or (file.stem if output is None else f"{file.stem},output={output}"),
        revision=content_hash(file.read_bytes(), taken)[:12],
        sample_rate=rate_of(sample_rate, about.get("sample_rate"), str(file)),
        window=window if window is not None or not stated else float(stated),
        function=run,
        recipe=(load, (str(file.resolve()), sample_rate, window, output, threads)),
    )
