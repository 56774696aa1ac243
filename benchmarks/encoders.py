"""How fast the encoders are: networks beside torch's own matrix product, and whole clips a second, on one thread.

The product of two 1,024 x 1,024 matrices is timed before and after every run of a network, in the same process, since
the rate of a shared machine changes by the minute; the share given is the median of the ratios. Time is the thread's
own, so that what else runs costs little. Operations of a network are the multiplications and additions of its
convolutions and dense layers as they are described, whatever its quick form really computes: 2.80e9 for a patch of
musicnn (187 frames x 96 bands), 1.77e9 for one of its VGG.
"""

import time
from collections.abc import Callable
from functools import partial
from statistics import median

import numpy as np
import torch
from torch import Tensor, nn

from earwitness.encoders import load_encoder
from earwitness.encoders.musicnn.encoder import MusicnnEncoder
from earwitness.encoders.musicnn.networks import BANDS, FRAMES

ROUNDS = 15
CLIP_S = 10.0
ENCODERS = ("mfcc", "mfcc-120", "random", "musicnn-msd", "musicnn-msd-vgg")


def seconds(run: Callable[[], object]) -> float:
    """The thread's time for one run."""
    start = time.thread_time()
    run()
    return time.thread_time() - start


def operations(module: nn.Module) -> float:
    """Multiplications and additions for one patch: counted in the module as it is described, by hooks."""
    total = 0.0

    def count(layer: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        assert isinstance(layer.weight, Tensor)
        total += 2 * layer.weight[0].numel() * output[0].numel()

    kinds = (nn.Conv1d, nn.Conv2d, nn.Linear)
    hooks = [layer.register_forward_hook(count) for layer in module.modules() if isinstance(layer, kinds)]
    module(torch.zeros(1, FRAMES, BANDS))
    for hook in hooks:
        hook.remove()
    return total


def share(run: Callable[[], object], work: float) -> tuple[float, float, float]:
    """Operations a second of `run` (which does `work`) and of torch's product, and the median of their ratio."""
    a = torch.randn(1024, 1024)
    out = torch.empty_like(a)
    product_work = 2 * 1024.0**3
    rates, products = [], []
    for _ in range(ROUNDS + 1):
        before = seconds(lambda: torch.mm(a, a, out=out))
        spent = seconds(run)
        after = seconds(lambda: torch.mm(a, a, out=out))
        rates.append(work / spent)
        products.append(product_work / min(before, after))
    ratios = [rate / product for rate, product in zip(rates, products, strict=True)]
    return median(rates[1:]), median(products[1:]), median(ratios[1:])


def networks() -> None:
    """musicnn's two networks, quick and plain."""
    print(f"{'network':28} {'patches/s':>9} {'Gop/s':>7} {'product':>8} {'share':>6}")
    rng = np.random.default_rng(0)
    for name in ("musicnn-msd", "musicnn-msd-vgg"):
        encoder = load_encoder(name, device="cpu")
        assert isinstance(encoder, MusicnnEncoder)
        patches = rng.gamma(2, 0.7, (4, FRAMES, BANDS)).astype(np.float32)
        work = operations(encoder.module)
        forms: dict[str, Callable[[], object]] = {
            "quick": partial(encoder.layers_of, patches, encoder.layer),
            "plain": partial(encoder.module, torch.from_numpy(patches)),
        }
        for form, run in forms.items():
            rate, product, part = share(run, work * len(patches))
            row = f"{name + ', ' + form:28} {rate / work:9.1f} {rate / 1e9:7.1f} {product / 1e9:8.1f} {part:6.0%}"
            print(f"{row}   ({work / 1e9:.2f} Gop a patch)")


def clips() -> None:
    """Sound to vectors, front end included, clip by clip as extraction does it."""
    print(f"\n{'encoder':28} {'clips of 10 s in a second':>26} {'times real time':>16}")
    rng = np.random.default_rng(0)
    for name in ENCODERS:
        encoder = load_encoder(name)
        samples = round(CLIP_S * encoder.sample_rate)
        sound = rng.normal(0, 0.1, (1, samples)).astype(np.float32)
        encoder.encode(sound)
        spent = median(seconds(partial(encoder.encode, sound)) for _ in range(7))
        print(f"{name:28} {1 / spent:26.1f} {CLIP_S / spent:16.0f}")


def main() -> None:
    """Both tables."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.no_grad():
            networks()
            clips()
    finally:
        torch.set_num_threads(threads)


if __name__ == "__main__":
    main()
