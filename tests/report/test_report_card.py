from dataclasses import replace

import pytest
import yaml

from earwitness import report
from earwitness.results import AuditResult


def header(card):
    return yaml.safe_load(card.split("---\n")[1])


def test_the_header_holds_each_number_with_its_interval(results):
    found = header(report.model_card(results, "my-model"))
    [model] = found["model-index"]
    assert model["name"] == "my-model"
    by_task = {entry["task"]["type"]: entry for entry in model["results"]}
    auc = next(metric for metric in by_task["audio-classification"]["metrics"] if metric["name"] == "ROC-AUC")
    estimate = results[1].estimate("ROC-AUC", by="", **{"class": ""})
    assert auc["value"] == estimate.value
    assert (auc["args"]["ci_low"], auc["args"]["ci_high"], auc["args"]["n"]) == (
        estimate.low,
        estimate.high,
        estimate.n,
    )


def test_what_was_not_measured_is_said_to_be_so(results):
    card = report.model_card(results, "my-model")
    for section in ("Bias", "Inversion", "Explanation"):
        assert "Not measured." in card.split(f"## {section}\n")[1].split("\n## ")[0]
    assert "Not measured." not in card.split("## Transfer\n")[1].split("\n## ")[0]


def test_hubs_read_it(results):
    hub = pytest.importorskip("huggingface_hub")
    card = hub.ModelCard(report.model_card(results, "my-model"))
    tasks = {result.task_type for result in card.data.eval_results}
    assert tasks == {"audio-classification", "feature-extraction"}
    assert "my-model" in card.data.to_yaml()


def test_hostile_names_stay_names(results):
    name = 'a\nb: [c]\x85"--- <script>alert(1)</script> | x'
    hostile = [AuditResult(r.audit, name, "d\n---\ne", r.table, r.verdicts, r.parameters) for r in results[1:2]]
    card = report.model_card(hostile, name)
    assert header(card)["model-index"][0]["name"] == 'a b: [c] "--- <script>alert(1)</script> | x'
    assert "<script>" not in card.split("---\n", 2)[2]


def test_a_group_of_models_has_no_card(results, tmp_path):
    kinds = [replace(r, encoder="all", parameters={**r.parameters, "role": "group"}) for r in results[1:2]]
    report.write([results[0], *kinds], tmp_path / "kinds")
    assert list((tmp_path / "kinds").glob("model-card-*")) == []
    report.write([*results[2:4], *kinds], tmp_path / "both")
    assert [path.name for path in (tmp_path / "both").glob("model-card-*")] == ["model-card-my-model.md"]


def test_controls_stand_beside_it_and_have_no_card(results, written):
    assert "mfcc (control)" in report.model_card(results, "my-model")
    assert not (written / "model-card-mfcc.md").exists()
