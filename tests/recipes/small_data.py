"""IRMAS and OpenMIC-2018 in miniature, in their own layout, and the authors' file of embeddings."""

import json
import os
import warnings

import h5py
import mirdata
import numpy as np
import soundfile as sf

INSTRUMENTS = {
    "cello": "cel", "clarinet": "cla", "flute": "flu", "guitar": "gel", "organ": "org", "piano": "pia",
    "saxophone": "sax", "trumpet": "tru", "violin": "vio", "voice": "voi",
}  # fmt: skip
TAGS = {"pop_roc": "Pop", "jaz_blu": "Jazz", "cla": "Classical", "cou_fol": "Folk"}
RATE = 8000


def irmas_keys(tracks=8):
    """Two clips a track, `tracks` an instrument, genres in turn; and one of a genre that is dropped."""
    keys = []
    for k, code in enumerate(INSTRUMENTS.values()):
        for t in range(tracks):
            genre = list(TAGS)[t % 4]
            middle = "" if genre == "cla" else "[dru]"
            keys += [f"[{code}]{middle}[{genre}]{100 * k + t:04d}__{part}" for part in (1, 2)]
    return [*keys, "[voi][nod][lat_sou]9999__1"]


def openmic_rows(clips=160):
    """Key -> genre titles, side, and relevance by instrument; the last has a genre that is no target."""
    rng = np.random.default_rng(0)
    names, rows = list(INSTRUMENTS), {}
    for i in range(clips):
        known = rng.choice(len(names), 5, replace=False)
        present = {names[k]: 0.9 if j < 2 else 0.1 for j, k in enumerate(known)}
        genre = list(TAGS.values())[i % 4] if i < clips - 1 else "Noise"
        rows[f"{i:06d}_0"] = ([genre], "test" if i % 8 in (0, 7) else "train", present)
    return rows


def write_openmic(home, rows, *, sound=False, bare=()):
    """The tables of OpenMIC-2018, an index for mirdata, and sound if wanted; no genres for the keys in `bare`."""
    (home / "partitions").mkdir(parents=True)
    tracks, metadata, labels = (
        {},
        ["start_time,artist_name,track_genres,sample_key,track_id"],
        ["sample_key,instrument,relevance,num_responses"],
    )
    sides = {"train": [], "test": []}
    for i, (key, (genres, side, known)) in enumerate(rows.items()):
        tracks[key] = {"audio": [f"audio/{key[:3]}/{key}.ogg", ""], "vggish": [f"vggish/{key[:3]}/{key}.json", ""]}
        listed = (
            ""
            if key in bare
            else '"' + str([{"genre_id": "1", "genre_title": g, "genre_url": "x"} for g in genres]) + '"'
        )
        metadata.append(f"0.0,artist {side} {i // 2},{listed},{key},{i}")
        labels += [f"{key},{name},{value},3" for name, value in known.items()]
        sides[side].append(key)
        if sound:
            path = home / tracks[key]["audio"][0]
            path.parent.mkdir(parents=True, exist_ok=True)
            sf.write(path, noise(key, list(known)[:2], 0.02), RATE)
    (home / "openmic-2018-metadata.csv").write_text("\n".join(metadata) + "\n")
    (home / "openmic-2018-aggregated-labels.csv").write_text("\n".join(labels) + "\n")
    for side, keys in sides.items():
        (home / "partitions" / f"split01_{side}.csv").write_text("\n".join(keys) + "\n")
    write_index(home, "openmic2018", tracks)


def write_irmas(home, keys):
    """IRMAS's training part with sound."""
    tracks = {}
    for key in keys:
        name = f"IRMAS-TrainingData/{key[1:4]}/{key}.wav"
        tracks[key.rsplit("]", 1)[1]] = {"audio": [name, ""], "annotation": [name, ""]}
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        instrument = next(n for n, code in INSTRUMENTS.items() if code == key[1:4])
        sf.write(home / name, noise(key, [instrument], 0.0), RATE)
    write_index(home, "irmas", tracks)


def write_index(home, dataset, tracks):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the libraries that mirdata imports
        index = os.path.basename(mirdata.initialize(dataset).index_path)
    (home / index).write_text(json.dumps({"version": "1.0", "tracks": tracks}))


def noise(key, instruments, level):
    """Half a second with a tone for each instrument; the level of the noise gives the data set away."""
    rng = np.random.default_rng(sum(ord(letter) * place for place, letter in enumerate(key, start=1)))
    t = np.arange(RATE // 2) / RATE
    sound = sum(np.sin(2 * np.pi * (300 + 250 * list(INSTRUMENTS).index(name)) * t) for name in instruments)
    return 0.2 * sound + (0.01 + level) * rng.normal(size=len(t))


def write_embeddings(path, keys, rows, dims=8):
    """Frames of both data sets for one embedding, by the authors' layout."""
    rng = np.random.default_rng(1)
    names, codes = list(INSTRUMENTS), list(INSTRUMENTS.values())
    directions = 2 * rng.normal(size=(len(names), dims))
    with h5py.File(path, "w") as file:
        for embedding in ("vggish",):
            for corpus, frames in (("irmas", 2), ("openmic", 3)):
                clips = keys if corpus == "irmas" else list(rows)
                labels, features = [], []
                for key in clips:
                    mine = (
                        [codes.index(key[1:4])]
                        if corpus == "irmas"
                        else [names.index(n) for n, v in rows[key][2].items() if v > 0.5]
                    )
                    centre = directions[mine].sum(0) + (corpus == "openmic")
                    labels += [key] * frames
                    features.append(centre + rng.normal(size=(frames, dims)))
                file[f"{corpus}/{embedding}/keys"] = labels
                file[f"{corpus}/{embedding}/features"] = np.concatenate(features).astype(np.float16)
