from sonant.reports.results import Result, spell_figure, spell_name
from sonant.reports.runs import Run, short_name
from sonant.reports.scores import Labels, best_model, group_scores, headline, main_group

from .conftest import abx


def grouped(results, runs=()):
    labels = Labels(list(runs), [result.model for result in results])
    return group_scores(results, labels), labels


def test_only_scores_of_equal_meaning_stand_together():
    results = [abx("a", 0.2), abx("mfcc", 0.3), abx("a", 0.1, speaker="within")]
    results.append(abx("b", 0.25))
    results[-1].settings["layer"] = "z"  # of the model, not of the meaning
    groups, _ = grouped(results)
    assert [sorted(group.scores) for group in groups] == [["MFCC", "a", "b"], ["a"]]
    assert groups[0].best == "a" and groups[1].best is None


def test_seeds_are_averaged_and_of_a_repeated_score_the_last_counts():
    groups, _ = grouped([abx("a", 0.9, seed=1), abx("a", 0.1, seed=1), abx("a", 0.3, seed=2)])
    assert groups[0].mean("a") == 0.2


def test_headline_compares_with_both_baselines():
    groups, _ = grouped([abx("runs/a/model", 0.2), abx("b", 0.24), abx("mfcc", 0.4), abx("logmel", 0.5)])
    said = headline(groups)
    assert said == "In ABX across speakers, a errs on 20.0 % of the triples: " + (
        "0.50 times the 40.0 % of MFCC and 0.40 times the 50.0 % of log-mel."
    )
    assert headline(grouped([abx("mfcc", 0.4)])[0]) is None
    assert headline(grouped([abx("a", 0.4, speaker="within")])[0]).startswith("In ABX within speakers, a errs")
    assert best_model(main_group(groups)) == "a"


def test_labels_follow_runs_and_keep_models_apart(tmp_path):
    run = Run(name="cpc", folder=tmp_path)
    labels = Labels([run], ["out/cpc/model", "x/apc/model", "y/apc/model", "mfcc", "solo"])
    assert labels.of("out/cpc/model") == "cpc"
    assert labels.of("x/apc/model") == "x/apc" and labels.of("y/apc") == "y/apc"
    assert (labels.of("mfcc"), labels.of("solo")) == ("MFCC", "solo")
    assert labels.colour("cpc") == 0
    assert len({labels.colour(name) for name in ("cpc", "x/apc", "y/apc", "solo", "MFCC")}) == 5


def test_short_names():
    assert [short_name(path) for path in ("runs/a/model", "runs/a/", "a", "model", "./a")] == [
        "a",
        "a",
        "a",
        "model",
        "a",
    ]


def test_of_units_more_information_and_less_perplexity_are_better():
    for figure, best in (
        ("pnmi", "b"), ("phone_purity", "b"), ("cluster_purity", "b"), ("v_measure", "b"),
        ("unigram_perplexity", "a"), ("bigram_perplexity", "a"), ("perplexity_of_use", None),
    ):  # fmt: skip
        results = [
            Result(task="units", figure={figure: value}, model=model) for model, value in (("a", 0.3), ("b", 0.5))
        ]
        assert grouped(results)[0][0].best == best, figure
    assert (spell_name("pnmi"), spell_figure("pnmi", 0.5), spell_figure("bigram_perplexity", 7.0)) == (
        "PNMI",
        "0.5",
        "7",
    )
