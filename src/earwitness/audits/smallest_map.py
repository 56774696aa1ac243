"""Where do hardly audible changes take each clip? A map of originals and changed copies, as Kim (2021), Figure 4.9."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from earwitness.audits._map import map_2d
from earwitness.embeddings import Embeddings

ORIGINAL = "original"


def map_changes(row: Sequence[Embeddings], seed: int = 0) -> pd.DataFrame:
    """One t-SNE map of an encoder's originals and changed copies together.

    Parameters
    ----------
    row
        Of the clips as they are, then under each perturbation. A clip that one of them lacks is left out.
    seed
        Of the map.

    Returns
    -------
    DataFrame
        `encoder`, `clip`, `change` ("original" or the perturbation's label), `x`, `y`, and `trustworthiness`: 1 where
        neighbours on the map are neighbours in the embedding, near 0.5 by chance.

    References
    ----------
    Kim (2021), doctoral thesis, section 4.6, Figure 4.9; van der Maaten and Hinton (2008).
    """
    shared = set.intersection(*(set(e.column("clip")) for e in row))
    order = np.array([clip for clip in row[0].column("clip") if clip in shared])
    aligned = [e.aligned_with(order) for e in row]
    vectors = np.concatenate([e.vectors for e in aligned]).astype(np.float64)
    centred = vectors - vectors.mean(0)
    axes, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    drawn, kept = map_2d(axes * sizes, seed)
    changes = [ORIGINAL if e.perturbation is None else e.perturbation.label for e in aligned]
    return pd.DataFrame(
        {
            "encoder": row[0].encoder,
            "clip": np.tile(order, len(aligned)),
            "change": np.repeat(changes, len(order)),
            "x": drawn[:, 0],
            "y": drawn[:, 1],
            "trustworthiness": kept,
        }
    )
