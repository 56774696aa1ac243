"""Embeddings with a domain effect of known size."""

import numpy as np
import pandas as pd

from earwitness.embeddings import Embeddings


def build(vectors, label, domain, **columns):
    clips = pd.DataFrame({"clip": [f"clip-{i:04d}" for i in range(len(label))], "label": label, "domain": domain})
    return Embeddings(np.asarray(vectors, np.float32), clips.assign(**columns), "planted", "1", "test")


def fair(n=120, dims=20, classes=3, domains=2, apart=1.5, seed=0):
    """Classes told apart; domains that are nothing but names."""
    rng = np.random.default_rng(seed)
    y, d = np.arange(n) % classes, (np.arange(n) // classes) % domains
    X = rng.normal(size=(n, dims))
    X[:, :classes] += apart * np.eye(classes)[y]
    return build(X, np.array(list("abcdefgh"))[y], np.array(["u", "v", "w"])[d])


def biased(n=240, dims=12, strength=3.0, correlated=False, seed=0):
    """A class is marked by +u in one domain and by -u in the other: what is learnt in one misleads in the other.

    The means of the domains differ along u, and by nothing else.
    """
    rng = np.random.default_rng(seed)
    y, d = np.arange(n) % 2, (np.arange(n) // 2) % 2
    noise = rng.normal(size=(n, dims))
    u = np.zeros(dims)
    u[0] = 1
    if correlated:  # then the normal of the discriminant is far from u
        noise[:, 1] = noise[:, 0] + 0.3 * noise[:, 1]
    X = noise + 0.7 * y[:, None] * np.eye(dims)[dims - 1]
    X += strength * np.outer(y * (2 * d - 1), u)
    return build(X, np.array(["flute", "organ"])[y], np.array(["live", "studio"])[d]), u
