"""The fifty most frequent tags of MTG-Jamendo (Bogdanov et al. 2019; CC BY 4.0), in the order of the taggers' outputs.

Upstream the outputs are those of a `LabelBinarizer`, which sorts the tags by name.
"""

_GENRES = (
    "alternative ambient atmospheric chillout classical dance downtempo easylistening electronic experimental folk "
    "funk hiphop house indie instrumentalpop jazz lounge metal newage orchestral pop popfolk poprock reggae rock "
    "soundtrack techno trance triphop world"
)
_INSTRUMENTS = (
    "acousticguitar bass computer drummachine drums electricguitar electricpiano guitar keyboard piano strings "
    "synthesizer violin voice"
)
_MOODS = "emotional energetic film happy relaxing"

JAMENDO = (
    *(f"genre---{name}" for name in _GENRES.split()),
    *(f"instrument---{name}" for name in _INSTRUMENTS.split()),
    *(f"mood/theme---{name}" for name in _MOODS.split()),
)
