"""Clips among strangers: from the items of the structure audit, those worth a second hearing."""

import pandas as pd

NEAR_CENTRE, NEAR_OTHER = "near the centre of another label's group", "nearer to another label"


def foreign_clips(items: pd.DataFrame, each: int = 3) -> pd.DataFrame:
    """Clips in foreign company, by group and by label.

    Parameters
    ----------
    items
        Of the structure audit, with labels.
    each
        At most so many of each group and of each label.

    Returns
    -------
    DataFrame
        `why`; `of`, the label that the group is matched with, or the clip's own; `clip`, `label`, `score` (distance to
        the centre of the group, or silhouette among labels), `company` (the label it lies among), and `typical`, a clip
        of that company: the nearest to the centre, or that with the highest silhouette. First of every group those
        that lie nearest to its centre, then of every label those with the lowest silhouette, if that is below 0.
        Empty where labels were not compared.
    """
    columns = ["why", "of", "clip", "label", "score", "company", "typical"]
    if not {"asked_match", "label_silhouette"} <= set(items):
        return pd.DataFrame(columns=columns)
    parts = [*_by_group(items, each), *_by_label(items, each)]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def _by_group(items: pd.DataFrame, each: int) -> list[pd.DataFrame]:
    labelled = items[(items["label"] != "") & (items["asked_match"] != "")]
    parts = []
    for match, group in labelled.sort_values(["centre_distance", "clip"], kind="stable").groupby("asked_match"):
        own, others = group[group["label"] == match], group[group["label"] != match].head(each)
        if len(own) and len(others):
            about = {"why": NEAR_CENTRE, "of": match, "company": match, "typical": own["clip"].iloc[0]}
            parts.append(others.assign(score=others["centre_distance"], **about))
    return parts


def _by_label(items: pd.DataFrame, each: int) -> list[pd.DataFrame]:
    labelled = items[items["label"] != ""].sort_values(["label_silhouette", "clip"], kind="stable")
    typical = labelled.drop_duplicates("label", keep="last").set_index("label")["clip"]
    parts = []
    for label, clips in labelled[labelled["label_silhouette"] < 0].groupby("label"):
        chosen = clips.head(each)
        company = chosen["nearest_label"]
        about = {"why": NEAR_OTHER, "of": label, "company": company, "typical": company.map(typical)}
        parts.append(chosen.assign(score=chosen["label_silhouette"], **about))
    return parts
