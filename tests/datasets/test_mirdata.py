"""mirdata's data sets, each as a small tree in the layout that its loader expects, with the index beside it.

The indexes are written here, in mirdata's format, since mirdata downloads the real ones.
"""

import json
import os
import subprocess
import sys

import mirdata
import numpy as np
import pytest
import soundfile as sf

from earwitness.datasets import list_datasets, load_clips
from earwitness.errors import InputError, MissingExtraError

SOUND = 0.3 * np.sin(np.arange(4000) / 5)


def plant(home, dataset, tracks, files=None, without=(), version="default"):
    """An index under the name that mirdata gives it, half a second of sound for each audio file, and text files."""
    index = os.path.basename(mirdata.initialize(dataset, version=version).index_path)
    (home / index).write_text(json.dumps({"version": "1.0", "tracks": tracks}))
    for name in {paths[0] for track in tracks.values() for paths in track.values() if paths[0]}:
        if name.rsplit(".", 1)[1] in ("wav", "ogg", "mp3") and name not in without:
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            sf.write(home / name, SOUND, 8000)
    for name, text in (files or {}).items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)


def column(clips, name):
    return clips.table[name].astype(object).where(clips.table[name].notna(), None).tolist()


def test_gtzan_genre(tmp_path):
    tracks = {
        f"{genre}.00000": {
            "audio": [f"gtzan_genre/genres/{genre}/{genre}.00000.wav", ""],
            "beats": [f"gtzan_tempo_beat-main/beats/gtzan_{genre}_00000.beats", ""],
            "tempo": [f"gtzan_tempo_beat-main/tempo/gtzan_{genre}_00000.bpm", ""],
        }
        for genre in ("country", "hiphop", "jazz")
    }
    plant(tmp_path, "gtzan_genre", tracks, without=["gtzan_genre/genres/jazz/jazz.00000.wav"])
    clips = load_clips(f"mirdata:gtzan_genre@{tmp_path}")
    assert clips.name == "gtzan_genre"
    assert column(clips, "clip") == ["country.00000", "hiphop.00000"]
    assert column(clips, "label") == ["country", "hip-hop"]
    assert clips.skipped.values.tolist() == [["gtzan_genre/genres/jazz/jazz.00000.wav", "does not exist"]]
    assert clips[0].load().size == 4000
    plant(tmp_path, "gtzan_genre", {"country.00000": tracks["country.00000"]}, version="mini")
    assert column(load_clips(f"mirdata:gtzan_genre:mini@{tmp_path}"), "clip") == ["country.00000"]


def test_irmas(tmp_path):
    names = {
        "0189__2": "cla/[cla][cla]0189__2.wav",
        "0189__3": "cla/[cla][cla]0189__3.wav",
        "0021__1": "gel/[gel][dru][pop_roc]0021__1.wav",
    }
    tracks = {
        track: {"audio": [f"IRMAS-TrainingData/{name}", ""], "annotation": [f"IRMAS-TrainingData/{name}", ""]}
        for track, name in names.items()
    }
    part = "IRMAS-TestingData-Part1/Part1/"
    for track, stem in {"1": "02 - And The Body Will Die-8", "2": "unlabelled"}.items():
        tracks[track] = {"audio": [f"{part}{stem}.wav", ""], "annotation": [f"{part}{stem}.txt", ""]}
    plant(tmp_path, "irmas", tracks, {f"{part}02 - And The Body Will Die-8.txt": "gel\t\nvoi\t\n"})
    clips = load_clips(f"mirdata:irmas@{tmp_path}")
    assert column(clips, "label") == ["clarinet", "clarinet", "electric guitar", "electric guitar|voice"]
    assert column(clips, "split") == ["train", "train", "train", "test"]
    assert column(clips, "group") == ["0189", "0189", "0021", None]
    assert column(clips, "genre") == ["classical", "classical", "pop-rock", None]
    assert clips.skipped.values.tolist() == [[f"{part}unlabelled.wav", "its metadata does not exist"]]


def test_openmic2018(tmp_path):
    keys = ["000046_3840", "000135_483840"]
    tracks = {key: {"audio": [f"audio/000/{key}.ogg", ""], "vggish": [f"vggish/000/{key}.json", ""]} for key in keys}
    genres = "\"[{'genre_id': '76', 'genre_title': 'Pop'}, {'genre_id': '103', 'genre_title': 'Folk'}]\""
    metadata = "track_id,artist_name,track_genres,track_title,track_url,sample_key,start_time\n" + "".join(
        f"{k},{artist},{genres},Title,http://x,{key},3.84\n"
        for k, (key, artist) in enumerate(zip(keys, ["Nicky Cook", "Abominog"], strict=True))
    )
    labels = "sample_key,instrument,relevance,num_responses\n" + "".join(
        f"{key},{instrument},{relevance},3\n"
        for key, instrument, relevance in [
            (keys[0], "clarinet", 0.17), (keys[0], "flute", 0.0), (keys[0], "piano", 0.98), (keys[0], "voice", 0.6),
            (keys[1], "drums", 0.85),
        ]
    )  # fmt: skip
    files = {
        "openmic-2018-metadata.csv": metadata,
        "openmic-2018-aggregated-labels.csv": labels,
        "partitions/split01_train.csv": f"{keys[0]}\n",
        "partitions/split01_test.csv": f"{keys[1]}\n",
    }
    plant(tmp_path, "openmic2018", tracks, files)
    clips = load_clips(f"mirdata:openmic2018@{tmp_path}")
    assert column(clips, "label") == ["piano|voice", "drums"]
    assert column(clips, "absent") == ["clarinet|flute", None]
    assert column(clips, "group") == ["Nicky Cook", "Abominog"]
    assert column(clips, "split") == ["split01_train", "split01_test"]
    assert column(clips, "genre") == ["Pop|Folk"] * 2


MEDLEY = {
    "d07b1fc0-567d-52c2-fef4-239f31c9d40e": ("validation", 3, "flute", 210),
    "0a282672-c22c-59ff-faaa-ff9eb73fc8e6": ("test", 0, "clarinet", 7),
}


def medley_tracks():
    return {
        key: {"audio": [f"audio/Medley-solos-DB_{subset}-{number}_{key}.wav", ""]}
        for key, (subset, number, _, _) in MEDLEY.items()
    }


def test_medley_solos_db(tmp_path):
    rows = [f"{s},{i},{n},{song},{key}" for key, (s, n, i, song) in MEDLEY.items()]
    text = "subset,instrument,instrument_id,song_id,uuid4\n" + "\n".join(rows) + "\n"
    files = {"annotation/Medley-solos-DB_metadata.csv": text}
    plant(tmp_path, "medley_solos_db", medley_tracks(), files)
    clips = load_clips(f"mirdata:medley_solos_db@{tmp_path}")
    assert column(clips, "label") == ["flute", "clarinet"]
    assert column(clips, "group") == ["song 210", "song 7"]
    assert column(clips, "split") == ["validation", "test"]


def test_tinysol(tmp_path):
    names = {"Fl-ord-C4-mf-N-T14d": "Winds/Flute/ordinario/", "Vn-ord-A4-ff-2c-N": "Strings/Violin/ordinario/"}
    tracks = {key: {"audio": [f"audio/{folder}{key}.wav", ""]} for key, folder in names.items()}
    header = (
        "Path,Fold,Family,Instrument (abbr.),Instrument (in full),Technique (abbr.),Technique (in full),Pitch,Pitch ID,"
        "Dynamics,Dynamics ID,Instance ID,String ID (if applicable),Needed digital retuning\n"
    )
    rows = (
        "Winds/Flute/ordinario/Fl-ord-C4-mf-N-T14d.wav,0,Winds,Fl,Flute,ord,ordinario,C4,60,mf,2,0,,TRUE\n"
        "Strings/Violin/ordinario/Vn-ord-A4-ff-2c-N.wav,3,Strings,Vn,Violin,ord,ordinario,A4,69,ff,4,0,2.0,FALSE\n"
    )
    plant(tmp_path, "tinysol", tracks, {"annotation/TinySOL_metadata.csv": header + rows})
    clips = load_clips(f"mirdata:tinysol@{tmp_path}")
    assert column(clips, "label") == ["Flute", "Violin"]
    assert column(clips, "family") == ["Winds", "Strings"]
    assert column(clips, "midi_pitch") == [60, 69]
    assert column(clips, "dynamics") == ["mf", "ff"]
    assert column(clips, "fold") == [0, 3]


def test_mtg_jamendo_autotagging_moodtheme(tmp_path):
    header = "TRACK_ID\tARTIST_ID\tALBUM_ID\tPATH\tDURATION\tTAGS\n"
    rows = {
        "track_0000948": "track_0000948\tartist_000087\talbum_000149\t48/948.mp3\t212.7\tmood/theme---background\n",
        "track_0003524": "track_0003524\tartist_000530\talbum_000552\t24/3524.mp3\t266.1"
        "\tmood/theme---melodic\tmood/theme---calm\n",
    }
    tracks = {
        "track_0000948": {"audio": ["audios/48/948.mp3", ""]},
        "track_0003524": {"audio": ["audios/24/3524.mp3", ""]},
    }
    files = {"data/autotagging_moodtheme.tsv": header + "".join(rows.values())}
    for number in range(5):
        for part, track in {"train": "track_0000948", "test": "track_0003524", "validation": ""}.items():
            files[f"data/splits/split-{number}/autotagging_moodtheme-{part}.tsv"] = header + rows.get(track, "")
    plant(tmp_path, "mtg_jamendo_autotagging_moodtheme", tracks, files)
    clips = load_clips(f"mirdata:mtg_jamendo_autotagging_moodtheme@{tmp_path}")
    assert column(clips, "label") == ["background", "melodic|calm"]
    assert column(clips, "group") == ["artist_000087", "artist_000530"]
    assert column(clips, "split") == ["train", "test"]


def test_saraga_carnatic(tmp_path):
    stem = "saraga1.5_carnatic/Sharma at Arkay by Sharma/Bhuvini Dasudane/Bhuvini Dasudane"
    keys = (
        "audio-ghatam audio-mridangam-left audio-mridangam-right audio-violin audio-vocal-s audio-vocal ctonic pitch "
        "pitch-vocal tempo sama sections phrases"
    )
    track = {"audio-mix": [f"{stem}.mp3.mp3", ""], "metadata": [f"{stem}.json", ""]}
    track |= {key: [None, None] for key in keys.split()}
    bare = track | {"audio-mix": ["saraga1.5_carnatic/x/x.mp3.mp3", ""], "metadata": [None, None]}
    about = {
        "title": "Bhuvini Dasudane",
        "raaga": [{"name": "Śrīranjani", "common_name": "shri ranjani"}],
        "taala": [{"name": "Ādi"}],
        "form": [{"name": "Kriti"}],
        "concert": [{"title": "Sharma at Arkay"}],
        "album_artists": [{"name": "Sharma"}],
    }
    plant(
        tmp_path,
        "saraga_carnatic",
        {"0_Bhuvini": track, "1_x": bare},
        {f"{stem}.json": json.dumps(about)},
    )
    clips = load_clips(f"mirdata:saraga_carnatic@{tmp_path}")
    assert column(clips, "label") == ["Śrīranjani", None]
    assert column(clips, "taala") == ["Ādi", None]
    assert column(clips, "artist") == ["Sharma", None]
    assert column(clips, "group") == ["Sharma at Arkay", None]
    assert clips[0].load().size


def test_a_loader_without_a_mapping_gives_its_attributes(tmp_path):
    tracks = {
        "224030": {"audio": ["mridangam_stroke_1.5/B/224030__akshaylaya__bheem-b-001.wav", ""]},
        "225359": {"audio": ["mridangam_stroke_1.5/C/225359__akshaylaya__cha-c-001.wav", ""]},
    }
    plant(tmp_path, "mridangam_stroke", tracks)
    clips = load_clips(f"mirdata:mridangam_stroke@{tmp_path}")
    assert list(clips.table.columns) == ["clip", "path", "start", "duration", "stroke_name", "tonic"]
    assert column(clips, "clip") == ["224030", "225359"]
    assert column(clips, "stroke_name") == ["bheem", "cha"]


def test_a_loader_with_odd_paths_lists_and_missing_annotations(tmp_path):
    """ORCHSET names its audio `audio_path_mono`, has lists and truth values, and a melody file that is not there."""
    track = {
        "audio_mono": ["audio/mono/Beethoven-S3-I-ex1.wav", ""],
        "audio_stereo": ["audio/stereo/Beethoven-S3-I-ex1.wav", ""],
        "melody": ["GT/Beethoven-S3-I-ex1.mel", ""],
    }
    text = "excerpt,instruments,a,b,c,d,e,f,g\n"
    text += "Beethoven-S3-I-ex1.wav,strings+winds,TRUE,TRUE,TRUE,FALSE,FALSE,FALSE,FALSE\n"
    files = {"Orchset - Predominant Melodic Instruments.csv": text}
    plant(tmp_path, "orchset", {"Beethoven-S3-I-ex1": track}, files)
    table = load_clips(f"mirdata:orchset@{tmp_path}").table
    assert table["predominant_melodic_instruments"].tolist() == ["strings|winds"]
    assert table["composer"].tolist() == ["Beethoven"]
    assert table["contains_winds"].tolist() == ["True"]
    assert "melody" not in table
    assert table["path"][0].endswith("audio/mono/Beethoven-S3-I-ex1.wav")


def test_what_is_missing_is_said_with_the_command_that_fetches_it(tmp_path):
    with pytest.raises(InputError, match=r"mirdata has no data set 'irmass'; did you mean 'irmas'\?"):
        load_clips("mirdata:irmass")
    with pytest.raises(InputError, match="has no data set 'zzzzzz'; `earwitness datasets` lists them"):
        load_clips("mirdata:zzzzzz")
    with pytest.raises(InputError, match=r"Available versions for irmas: \['1\.0'\]"):
        load_clips(f"mirdata:irmas:9.9@{tmp_path}")
    with pytest.raises(InputError, match=r"no such folder .*python -c \"import mirdata; .*'irmas'.*\.download\(\)\""):
        load_clips(f"mirdata:irmas@{tmp_path}/nowhere")
    plant(tmp_path, "medley_solos_db", medley_tracks())
    with pytest.raises(InputError, match=r"the metadata is not in .*\.download\(\)\""):
        load_clips(f"mirdata:medley_solos_db@{tmp_path}")


def test_an_index_that_is_nowhere_is_asked_for(tmp_path):
    if os.path.exists(mirdata.initialize("candombe").index_path):
        pytest.skip("mirdata's index has been downloaded here")
    with pytest.raises(InputError, match=r"the index candombe_.*json is not here; .*download\(\['index'\]\)"):
        load_clips(f"mirdata:candombe@{tmp_path}")


def test_a_set_of_which_no_audio_is_there_is_refused(tmp_path):
    tracks = medley_tracks()
    plant(tmp_path, "medley_solos_db", tracks, without=[t["audio"][0] for t in tracks.values()])
    with pytest.raises(InputError, match=r"none of 2 clips can be used; the first, audio/Medley.*: does not exist"):
        load_clips(f"mirdata:medley_solos_db@{tmp_path}")


def test_every_loader_with_audio_is_listed():
    listed = {dataset.name.removeprefix("mirdata:") for dataset in list_datasets()}
    assert {"gtzan_genre", "irmas", "openmic2018", "medley_solos_db", "tinysol", "saraga_carnatic", "slakh"} <= listed
    assert "da_tacos" not in listed  # features only, no sound
    assert listed - {"demo", "demo-excerpts"} <= set(mirdata.list_datasets())


def test_without_mirdata_the_extra_is_named(monkeypatch):
    monkeypatch.setattr("earwitness.datasets.from_mirdata.find_spec", lambda _: None)
    monkeypatch.setattr("earwitness.datasets.catalogue.find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'earwitness\[mirdata\]'"):
        load_clips("mirdata:irmas")
    assert "earwitness[mirdata]" in list_datasets()[-1].about


def test_mirdata_and_torch_are_not_imported_before_they_are_needed():
    code = (
        "import sys, earwitness.datasets as datasets; datasets.load_clips('demo')\n"
        "sys.exit(' '.join({'mirdata', 'torch', 'librosa'} & set(sys.modules)) or 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
