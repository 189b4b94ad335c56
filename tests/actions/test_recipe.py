"""Reading recipes, settling their settings, and turning them into commands."""

from __future__ import annotations

import pytest
import yaml

from sonant.actions._plan import choose, plan
from sonant.actions._recipe import read_recipe, settle, shipped_recipes
from sonant.core import SonantError

SETTINGS = {
    "audio": {"is": "path", "about": "a folder"},
    "labels": {"is": "path", "default": None, "about": "a file"},
    "layer": {"default": None, "about": "a layer"},
    "steps": {"default": 10, "about": "how many"},
    "config": {"is": "config", "default": "cpc-laptop", "about": "a configuration"},
    "model": {"is": "model", "default": "mfcc", "about": "a model"},
    "format": {"default": "npy", "choices": ["npy", "pt"], "about": "of arrays"},
    "splits": {"default": ["train", "test"], "about": "parts"},
    "options": {"default": [], "about": "more words"},
}
PREPARE = {"name": "prepare", "run": "prepare folder {audio} {dir}/corpus", "out": "corpus"}


@pytest.fixture
def stages(tmp_path, monkeypatch):
    """Plans of recipes that are written here."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my audio").mkdir()

    def build(*written: dict | str, lenient: bool = False, **given: str):
        recipe = yaml.safe_dump({"settings": SETTINGS, "stages": [PREPARE, *written]}, sort_keys=False)
        (tmp_path / "r.yaml").write_text(recipe)
        read = read_recipe("r.yaml")
        return plan(read, settle(read, [("audio", "my audio"), *given.items()], lenient=lenient), lenient=lenient)

    return build


def test_values_stay_one_word_and_what_is_read_is_found(stages, tmp_path):
    first, second = stages({"name": "train", "run": "train {config} --data.train {dir}/corpus/train", "out": "run"})
    assert first.words == ("prepare", "folder", "my audio", "{dir}/corpus")
    assert first.compared[2] == str(tmp_path / "my audio")
    assert first.sources == (str(tmp_path / "my audio"),)
    assert second.reads == ("corpus",)
    assert second.configs == ("cpc-laptop",)
    (tmp_path / "mine.yaml").write_text("extends: cpc-laptop\n")
    train = {"name": "train", "run": "train {config} --data.train {dir}/corpus", "out": "run"}
    other = stages(train, config="mine.yaml")[1]
    assert (other.words[1], other.compared[1]) == ("mine.yaml", str(tmp_path / "mine.yaml"))
    assert other.configs == (str(tmp_path / "mine.yaml"),)


def test_lines_are_left_out_where_something_is_not_given(stages, tmp_path):
    (tmp_path / "l.tsv").touch()
    given = {"name": "given", "when": {"labels": "given"}, "run": "pairs {labels} {dir}/pairs.tsv", "out": "pairs.tsv"}
    found = {"name": "found", "unless": {"labels": "given"}, "run": "pairs {dir}/corpus {dir}/found", "out": "found"}
    train = {
        "name": "train",
        "run": [
            "train {config} --run {dir}/run",
            "--layer {layer}",
            "--pairs {dir}/pairs.tsv",
            "--found {dir}/found",
            "{options}",
        ],
        "out": "run",
    }
    _, left, _, without = stages(given, found, train)
    assert left.left_out == "labels is not given"
    assert without.words == ("train", "cpc-laptop", "--run", "{dir}/run", "--found", "{dir}/found")
    _, _, left, within = stages(given, found, train, labels="l.tsv", layer="2", options="--a 'b c'")
    assert left.left_out == "labels is given"
    assert within.words[4:] == ("--layer", "2", "--pairs", "{dir}/pairs.tsv", "--a", "b c")


def test_two_ways_to_the_same_place(stages, tmp_path):
    """The stage that is left out does not take away what the other one makes under the same name."""
    copied = {"name": "copied", "when": {"labels": "given"}, "run": "pairs {labels} {dir}/p.tsv", "out": "p.tsv"}
    found = {
        "name": "found",
        "unless": {"labels": "given"},
        "run": ["pairs {dir}/corpus", "{dir}/p.tsv"],
        "out": "p.tsv",
    }
    (tmp_path / "l.tsv").write_text("")
    last = {"name": "last", "run": ["train {dir}/p.tsv", "{out:copied}", "{out:found}"], "out": "run"}
    _, left, second, reads = stages(copied, found, last)
    assert left.left_out == "labels is not given"
    assert second.words == ("pairs", "{dir}/corpus", "{dir}/p.tsv")
    assert reads.words == ("train", "{dir}/p.tsv", "{dir}/p.tsv") and reads.reads == ("p.tsv",)
    _, first, left, reads = stages(copied, found, last, labels="l.tsv")
    assert first.words == ("pairs", "l.tsv", "{dir}/p.tsv")
    assert left.left_out == "labels is given" and reads.words == ("train", "{dir}/p.tsv", "{dir}/p.tsv")


def test_the_recipe_for_words_takes_lists_or_makes_them(tmp_path):
    recipe = read_recipe("words")
    for name in ("words.tsv", "pairs.tsv"):
        (tmp_path / name).write_text("")
    for given, stages_of_lists in (
        ({}, ["segments", "discover"]),
        ({"words"}, ["discover"]),
        ({"pairs"}, ["given", "terms"]),
        ({"words", "pairs"}, ["given"]),
    ):
        settings = [("audio", str(tmp_path)), *((name, str(tmp_path / f"{name}.tsv")) for name in given)]
        planned = {stage.name: stage for stage in plan(recipe, settle(recipe, settings)) if not stage.left_out}
        assert [n for n in planned if n in ("given", "terms", "segments", "discover")] == stages_of_lists
        listed = str(tmp_path / "words.tsv") if "words" in given else "{dir}/words.tsv"
        for name, option in (("autoencoder", "--data.words"), ("embed", "--words")):
            words = planned[name].words
            assert [words[n + 1] for n, word in enumerate(words) if word == option] == [listed]
        words = planned["correspondence"].words
        assert words[words.index("--data.pairs") + 1] == "{dir}/pairs.tsv"


def test_conditions_on_values(stages):
    only = {"name": "only", "when": {"format": ["pt", "h5"]}, "run": "info {dir}/corpus", "out": "x"}
    assert stages(only)[1].left_out == "format is not pt h5"
    assert stages(only, format="pt")[1].left_out is None
    never = {"name": "never", "unless": {"steps": 10}, "run": "info {dir}/corpus", "out": "x"}
    assert stages(never)[1].left_out == "steps is 10"
    assert stages(never, steps="11")[1].left_out is None


def test_a_stage_for_each_word_and_all_that_they_make(stages):
    each = {
        "name": "extract",
        "each": "splits",
        "run": "extract mfcc {dir}/corpus/{each} {dir}/f/{each}",
        "out": "f/{each}",
    }
    score = {"name": "score", "run": ["eval x", "{out:extract}", "--to {dir}/s"], "out": "s"}
    _, one, two, last = stages(each, score)
    assert (one.name, two.name) == ("extract-train", "extract-test")
    assert two.words == ("extract", "mfcc", "{dir}/corpus/test", "{dir}/f/test")
    assert last.words == ("eval", "x", "{dir}/f/train", "{dir}/f/test", "--to", "{dir}/s")
    assert last.reads == ("f/train", "f/test")
    parent = stages(each, {"name": "all", "run": "info {dir}/f", "out": "s"})[-1]
    assert parent.reads == ("f/train", "f/test")
    none = stages(each, score, splits="")
    assert [stage.name for stage in none] == ["prepare", "score"]
    assert none[1].words == ("eval", "x", "--to", "{dir}/s")
    chosen = choose(stages(each, score), only=["extract"])
    assert [stage.name for stage in chosen] == ["extract-train", "extract-test"]
    assert [stage.name for stage in choose(stages(each, score), until="extract")][-1] == "extract-test"


def test_a_model_is_a_name_or_a_place(stages, tmp_path):
    extract = {"name": "extract", "run": "extract {model} {audio} {dir}/f", "out": "f"}
    assert stages(extract)[1].sources == (str(tmp_path / "my audio"),)
    (tmp_path / "mine" / "model").mkdir(parents=True)
    assert str(tmp_path / "mine" / "model") in stages(extract, model="mine")[1].sources
    assert stages(extract, model="mine")[1].words[1] == "mine"


def test_other_inputs_are_named(stages, tmp_path):
    (tmp_path / "l.tsv").touch()
    stage = {"name": "x", "run": "info mfcc", "in": ["{labels}", "{dir}/corpus"], "out": "x"}
    assert stages(stage)[1].sources == ()
    given = stages(stage, labels="l.tsv")[1]
    assert (given.sources, given.reads) == ((str(tmp_path / "l.tsv"),), ("corpus",))


X = {"name": "x", "run": "info mfcc", "out": "x"}


@pytest.mark.parametrize(
    ("stage", "answer"),
    [
        ({**X, "run": "extract {modl}"}, "unknown setting in r.yaml: stage 'x': 'modl'. Did you mean 'model'"),
        ({**X, "run": "info {dir}/corpse"}, "names {dir}/corpse, which no stage makes. Did you mean 'corpus'"),
        ({**X, "run": "info {each}"}, "'each'"),
        ({**X, "run": ["info", {"audio": None}]}, "YAML needs quotes"),
        ({**X, "run": "info 'a"}, "cannot be split"),
        ({**X, "run": "info --{options}"}, "{options} may be several"),
        ({**X, "run": "info {out:prepar}"}, "unknown earlier stage in r.yaml: stage 'x': 'prepar'"),
        ({**X, "when": {"label": "given"}}, "Did you mean 'labels'"),
        ({**X, "each": "steps"}, "whose kind must be words"),
        ({**X, "each": ["a/b"]}, "cannot be part of a name"),
        ({**X, "out": "../x"}, "must be a path inside the work folder"),
        ({**X, "out": "stages/x"}, "must be a path inside the work folder"),
        ({**X, "out": "corpus/x"}, "both make corpus/x"),
        ({**X, "out": None}, "needs out"),
        ({**X, "name": "prepare"}, "comes twice"),
        ({**X, "name": "a b"}, "needs a plain name"),
        ({**X, "ruhn": "info"}, "unknown key 'ruhn'"),
        ({**X, "run": "info {layer}"}, "the stage 'x' needs the setting 'layer'"),
    ],
)
def test_a_wrong_stage(stages, stage, answer):
    with pytest.raises(SonantError) as told:
        stages(stage)
    assert answer in str(told.value)


def test_a_stage_that_reads_what_comes_later(stages):
    first = {"name": "first", "run": "info {dir}/second", "out": "first"}
    with pytest.raises(SonantError, match="'first' reads {dir}/second, which 'second' makes, and that comes later"):
        stages(first, {"name": "second", "run": "info {dir}/first", "out": "second"})


def test_a_stage_that_reads_what_is_left_out(stages):
    left = {"name": "left", "when": {"labels": "given"}, "run": "info {labels}", "out": "left"}
    with pytest.raises(
        SonantError, match="'x' reads left, which 'left' makes, and that is left out: labels is not given"
    ):
        stages(left, {**X, "run": "info {dir}/left"})


@pytest.mark.parametrize(
    ("given", "answer"),
    [
        ({"stepps": "1"}, "unknown setting 'stepps'. Did you mean 'steps'"),
        ({"steps": "many"}, "'steps' must be a number, got 'many'"),
        ({"format": "np"}, "must be one of npy, pt, got 'np'. Did you mean 'npy'"),
        ({"config": "cpc-lapto"}, "Did you mean 'cpc-laptop'"),
        ({"labels": "nowhere.tsv"}, "there is no file or folder 'nowhere.tsv'"),
        ({"options": "'a"}, "must be words quoted as in a shell"),
        ({"audio": "null"}, "needs the setting 'audio' (a folder)"),
    ],
)
def test_a_wrong_setting(stages, given, answer):
    with pytest.raises(SonantError) as told:
        stages(**given)
    assert answer in str(told.value)


@pytest.mark.parametrize(
    ("setting", "answer"),
    [
        ({"only": {"about": "x"}}, "taken by the command line"),
        ({"fr": {"about": "x"}}, "taken by the command line (--from)"),
        ({"x": {"default": 1}}, "needs about"),
        ({"x": 1}, "must be a mapping"),
        ({"x": {"about": "x", "is": "pth"}}, "Did you mean 'path'"),
        ({"X": {"about": "x"}}, "lower-case"),
    ],
)
def test_a_wrong_description_of_a_setting(tmp_path, setting, answer):
    (tmp_path / "r.yaml").write_text(yaml.safe_dump({"settings": setting, "stages": [X]}))
    with pytest.raises(SonantError) as told:
        read_recipe(tmp_path / "r.yaml")
    assert answer in str(told.value)


def test_an_unknown_recipe_names_the_nearest():
    with pytest.raises(SonantError, match="Did you mean 'cpc'"):
        read_recipe("cpcc")


def test_a_required_setting_may_be_missing_when_looking(stages):
    found = stages({**X, "run": "info {layer}"}, lenient=True, audio="null")
    assert [stage.problem and stage.problem.split(":")[0] for stage in found] == [
        "the stage 'prepare' needs the setting 'audio'",
        "the stage 'x' needs the setting 'layer'",
    ]


@pytest.mark.parametrize("name", shipped_recipes())
def test_shipped_recipes_can_be_planned(name):
    recipe = read_recipe(name)
    assert recipe.about
    assert plan(recipe, settle(recipe, [], lenient=True), lenient=True)
