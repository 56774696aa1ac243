import json
import math
import re
from dataclasses import replace

import pandas as pd
import pytest

from earwitness import report
from earwitness.errors import InputError
from earwitness.results import AuditResult


def files_in(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_report_is_a_page_a_card_the_results_and_the_sounds(written):
    names = {name for name in files_in(written) if not name.startswith("audio/")}
    assert names == {
        "report.html",
        "model-card-my-model.md",
        "results/report.json",
        "results/listening.json",
        *(f"results/{a}-{e}.json" for a in ("transfer", "robustness", "structure") for e in ("mfcc", "my-model")),
    }
    heard = {entry["file"] for entry in json.loads((written / "results/listening.json").read_text())["sounds"]}
    assert heard == {name for name in files_in(written) if name.startswith("audio/")}


def test_the_page_can_be_built_again_from_the_folder_alone(written, tmp_path):
    before = {name: (written / name).read_bytes() for name in files_in(written)}
    for name, data in before.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        if name.startswith(("results/", "audio/")):
            (tmp_path / name).write_bytes(data)
    report.write(report.read_results(tmp_path / "results"), tmp_path)
    assert {name: (tmp_path / name).read_bytes() for name in files_in(tmp_path)} == before


def test_results_are_read_in_the_order_of_the_report(written, results):
    found = report.read_results(written)
    assert [(r.audit, r.encoder) for r in found] == [(r.audit, r.encoder) for r in results]
    assert found[1].verdicts == results[1].verdicts


def test_nothing_is_written_outside_the_folder(results, tmp_path):
    hostile = [replace(r, encoder="../../outside/<b>\n", audit="robustness") for r in results[3:4]]
    out = tmp_path / "a" / "b"
    report.write(hostile, out)
    assert {path.name for path in tmp_path.iterdir()} == {"a"}
    assert {path.name for path in (tmp_path / "a").iterdir()} == {"b"}
    assert all(re.fullmatch(r"[\w./-]+", name, re.ASCII) for name in files_in(out))


def test_two_results_with_one_name_get_two_files(results, tmp_path):
    report.write([results[1], replace(results[1], dataset="other")], tmp_path)
    assert {"results/transfer-my-model.json", "results/transfer-my-model-2.json"} <= files_in(tmp_path)


def test_a_second_report_replaces_the_first_and_leaves_what_is_not_its_own(results, music, tmp_path):
    report.write(results, tmp_path, clips=music, command="made by hand")
    (tmp_path / "results" / "notes.txt").write_text("mine")
    report.write(results[:2], tmp_path)
    left = files_in(tmp_path)
    assert "results/robustness-my-model.json" not in left
    assert "results/notes.txt" in left
    assert "made by hand" not in (tmp_path / "report.html").read_text()  # that command made other results


def test_sounds_of_other_numbers_are_not_played(results, music, tmp_path):
    report.write(results[2:4], tmp_path, clips=music)
    assert "<audio" in (tmp_path / "report.html").read_text()
    other = [replace(r, provenance={**r.provenance, "seed": 99}) for r in results[2:4]]
    report.write(other, tmp_path)
    assert "<audio" not in (tmp_path / "report.html").read_text()


def test_an_index_cannot_have_files_elsewhere_removed_or_read(results, tmp_path):
    secret = tmp_path / "secret.json"
    secret.write_text("{}")
    out = tmp_path / "out"
    report.write(results[:1], out)
    index = json.loads((out / "results/report.json").read_text())
    index["results"]["../../secret.json"] = "0"
    (out / "results/report.json").write_text(json.dumps(index))
    (out / "results/listening.json").write_text(json.dumps({"format": 1, "sounds": [{"file": "../secret.json"}]}))
    report.write(results[:2], out)
    assert secret.exists()


def test_no_results_are_refused(tmp_path):
    with pytest.raises(InputError, match="no results to report"):
        report.write([], tmp_path)
    with pytest.raises(InputError, match=r"no results \(\*\.json\) in it"):
        report.read_results(tmp_path)


def test_a_broken_index_is_named(results, tmp_path):
    report.write(results[:1], tmp_path)
    (tmp_path / "results/report.json").write_text("{")
    with pytest.raises(InputError, match=r"cannot read .*report\.json"):
        report.read_results(tmp_path)


def test_figures_are_saved_for_papers(results, tmp_path):
    saved = report.save_figures(results, tmp_path, "svg")
    assert saved
    assert all(path.read_bytes().lstrip().startswith(b"<svg") for path in saved)
    with pytest.raises(InputError, match="not as 'bmp'"):
        report.save_figures(results, tmp_path, "bmp")


def test_the_summary_says_the_verdicts(results, capsys):
    report.print_summary(results)
    said = " ".join(capsys.readouterr().out.split())
    assert "my-model" in said
    assert "breaks" in said
    assert "**" not in said


def test_two_encoders_have_their_verdicts_apart(results, tmp_path):
    other = [replace(result, encoder="other-model") for result in results[1:4:2]]
    html = report.write([*results[:4], *other], tmp_path).read_text()
    assert "<h1>Can my-model and other-model be believed?</h1>" in html
    mine, theirs = html.index("<h3><bdi>my-model</bdi></h3>"), html.index("<h3><bdi>other-model</bdi></h3>")
    assert mine < theirs < html.index('<h2 id="transfer">')
    assert {"model-card-my-model.md", "model-card-other-model.md"} <= files_in(tmp_path)


def test_a_result_of_an_audit_without_pictures_is_shown_with_its_numbers(tmp_path):
    row = {"measure": "c_k", "value": 0.123, "low": math.nan, "high": math.nan, "n": 4, "note": "x"}
    table = pd.DataFrame([row])
    html = report.write([AuditResult("os.path", "e", "d", table)], tmp_path).read_text()
    assert "<b>0.12</b>" in html
    assert "no file skipped" in html


def test_verdicts_on_a_group_of_models_are_not_ascribed_to_one(results, tmp_path):
    group = replace(results[3], encoder="all of them", parameters={**results[3].parameters, "role": "group"})
    silent = replace(results[1], encoder="silent", verdicts=())
    html = report.write([group, results[5], silent], tmp_path).read_text()
    assert "<h3><bdi>my-model</bdi></h3>" in html
    for name in ("all of them", "silent"):  # the one is no encoder, of the other nothing was said
        assert f"<h3><bdi>{name}</bdi></h3>" not in html
        assert f"<bdi>{name}</bdi>: " not in html
    assert group.verdicts[0].title in html


@pytest.mark.parametrize(
    ("columns", "unit"),
    [
        (["clip"], "clips"),
        (["run", "target"], "runs"),
        (["user"], "users"),
        (["clip", "user"], "clips"),
        ([], "clips"),
    ],
)
def test_the_page_says_what_intervals_are_over(results, tmp_path, columns, unit):
    items = pd.DataFrame({column: ["a", "b"] for column in columns})
    asked = replace(results[1], audit="learning", items=items, parameters={})
    assert f"95 % intervals over {unit}<" in report.write([asked], tmp_path).read_text()


def test_an_experiment_and_a_map_have_intervals_over_runs_and_clips(results, tmp_path):
    runs = replace(results[1], audit="learning", items=pd.DataFrame({"run": ["a"]}), parameters={})
    html = report.write([runs, replace(results[3], parameters={})], tmp_path).read_text()
    assert "95 % intervals over runs and clips<" in html


def test_one_encoder_on_two_data_sets_is_told_apart_by_them_everywhere(results, tmp_path, capsys):
    both = [replace(results[1], dataset="sonatas"), replace(results[1], dataset="reels")]
    page = report.write(both, tmp_path).read_text()
    report.print_summary(both)
    printed = capsys.readouterr().out
    for name in ("sonatas", "reels"):
        assert f"<h3><bdi>my-model · {name}</bdi></h3>" in page
        assert f'<th scope="col"><bdi>my-model · {name}</bdi></th>' in page
        assert f"\nmy-model · {name}\n" in printed


def test_many_encoders_are_printed_one_below_the_other_with_their_first_verdict(results, capsys):
    (said,) = results[1].verdicts
    two = (said, replace(said, title="And also"))
    many = [replace(results[1], encoder=f"model-{i}", verdicts=two) for i in range(8)]
    report.print_summary(many)
    printed = capsys.readouterr().out
    for i in range(8):
        assert len([line for line in printed.splitlines() if line.strip().startswith(f"model-{i} ")]) == 1
    assert printed.count(f"  {said.title}. ") == 8
    assert "And also" not in printed
    assert "8 further verdicts are in the report" in printed
