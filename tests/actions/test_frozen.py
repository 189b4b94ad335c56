"""Work folders whose configuration freezes at first use."""

from __future__ import annotations

import json

import pytest
import yaml

from sonant.actions._frozen import default_folder
from sonant.actions._recipe import read_recipe
from sonant.actions.run import preview, run_recipe
from sonant.core import SonantError

CHAIN = {
    "folder": "{exp}/{config}/version_{version}",
    "freeze": ["{config}", "--train.seed {seed}", "{options}"],
    "settings": {
        "config": {"is": "config", "about": "what to train"},
        "exp": {"default": "exp", "about": "all experiments"},
        "version": {"default": 0, "about": "number"},
        "source": {"is": "path", "default": None, "about": "a file"},
        "seed": {"default": 0, "about": "of the training"},
        "text": {"default": "t", "about": "goes into the score"},
        "options": {"default": [], "about": "further settings"},
    },
    "stages": [
        {
            "name": "train",
            "run": ["make {dir}/run --reads {dir}/config.yaml", "{source}"],
            "out": "run",
            "keep": True,
            "resume": "--resume",
        },
        {"name": "score", "run": "make {dir}/score --text {text} --reads {dir}/run", "out": "score"},
    ],
}
MINE = {
    "encoder": {"name": "cpc_conv"},
    "context": {"name": "causal_attention", "width": 4},
    "method": {"name": "cpc"},
    "optim": {"lr": 0.001},
}


@pytest.fixture
def go(toy, monkeypatch):
    """Run the chain as the command line does: ``go("--seed", 1)``; the folder is found by the settings."""
    toy.write(CHAIN)
    monkeypatch.chdir(toy.place)
    (toy.place / "mine.yaml").write_text(yaml.safe_dump(MINE))

    def run(*, look: bool = False, **settings):
        folder = settings.pop("folder", None)
        pairs = [(name.replace("__", "."), str(value)) for name, value in settings.items()]
        pairs = pairs if folder else [("config", "mine.yaml"), *pairs]
        return (preview if look else run_recipe)(toy.recipe, pairs, folder=folder)

    run.toy = toy
    return run


def states(outcome) -> dict[str, str]:
    return {row.stage: row.state for row in outcome.rows}


def frozen_file(go, version: int = 0):
    return go.toy.place / "exp" / "mine" / f"version_{version}" / "config.yaml"


def test_the_first_use_writes_the_whole_configuration(go):
    outcome = go(seed=3, optim__lr="1e-4")
    assert outcome.folder == "exp/mine/version_0" and states(outcome) == {"train": "ran", "score": "ran"}
    written = yaml.safe_load(frozen_file(go).read_text())
    assert (written["train"]["seed"], written["optim"]["lr"], written["context"]["width"]) == (3, 0.0001, 4)
    assert written["method"]["horizons"] == 12 and written["train"]["log_every"] == 50  # defaults too
    assert json.loads(frozen_file(go).with_name("run.json").read_text())["frozen"] == written
    assert (
        states(go())
        == states(go(seed=3))
        == states(go(**{"optim.lr": 0.0001}))
        == dict.fromkeys(["train", "score"], "done")
    )
    assert states(go(folder="exp/mine/version_0")) == {"train": "done", "score": "done"}


def test_what_is_edited_later_does_not_change_it(go):
    go()
    before = frozen_file(go).read_bytes()
    (go.toy.place / "mine.yaml").write_text(yaml.safe_dump(MINE | {"optim": {"lr": 0.5}}))
    assert states(go()) == {"train": "done", "score": "done"}
    assert frozen_file(go).read_bytes() == before
    (go.toy.place / "mine.yaml").write_text("broken: [")
    assert states(go(text="u")) == {"train": "done", "score": "ran"}  # scores are not frozen
    (go.toy.place / "mine.yaml").write_text(yaml.safe_dump(MINE | {"optim": {"lr": 0.5}}))
    go(version=1)
    assert yaml.safe_load(frozen_file(go, 1).read_text())["optim"]["lr"] == 0.5


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"seed": 1}, r"asks for another experiment: train.seed 0 -> 1\. .*--version 2 is free \(exp/mine/version_2\)"),
        ({"optim.lr": "0.1", "context.width": 8}, "context.width 4 -> 8, optim.lr 0.001 -> 0.1"),
        ({"options": "--method.horizons 6"}, "method.horizons 12 -> 6"),
        ({"source": "source.txt"}, "source None -> .*source.txt"),
        ({"optim.rate": 1}, "unknown key 'rate'"),
        ({"context.name": "gru"}, "context.name causal_attention -> gru"),
    ],
)
def test_asking_for_something_else_is_refused_with_the_keys_and_the_next_version(go, asked, told):
    go(), go(version=1)
    for look in (False, True):
        with pytest.raises(SonantError, match=told):
            go(look=look, **asked)
    assert states(go(look=True)) == {"train": "done", "score": "done"}


def test_another_configuration_of_the_same_name_is_compared_by_content(go):
    go(seed=2)
    other = go.toy.place / "other"
    other.mkdir()
    (other / "mine.yaml").write_text(yaml.safe_dump(MINE))
    same = [("config", "other/mine.yaml")]
    assert states(run_recipe(go.toy.recipe, same)) == {"train": "done", "score": "done"}
    (other / "mine.yaml").write_text(yaml.safe_dump(MINE | {"layer": "z"}))
    with pytest.raises(SonantError, match="layer c -> z"):
        run_recipe(go.toy.recipe, same)


def test_an_edited_frozen_file_is_refused_and_a_deleted_one_written_again(go):
    go()
    before = frozen_file(go).read_text()
    frozen_file(go).write_text(before.replace("lr: 0.001", "lr: 0.002"))
    with pytest.raises(SonantError, match="was edited after it froze .optim.lr 0.001 -> 0.002"):
        go()
    frozen_file(go).unlink()
    assert states(go()) == {"train": "done", "score": "done"}
    assert frozen_file(go).read_text() == before


def test_a_wrong_configuration_leaves_nothing_behind(go):
    with pytest.raises(SonantError, match="unknown key 'widht'"):
        go(**{"context.widht": 3})
    assert not (go.toy.place / "exp").exists()


def test_settings_of_the_scores_are_remembered_and_the_input_of_a_kept_stage_no_longer_counts(go):
    go(source="source.txt", text="u")
    go.toy.worked()
    (go.toy.place / "source.txt").write_text("another\n")
    assert states(go()) == {"train": "done", "score": "done"}
    (go.toy.place / "source.txt").unlink()  # the corpus is gone, the model stays
    assert states(go()) == {"train": "done", "score": "done"}
    assert states(go(text="t")) == {"train": "done", "score": "ran"}


def test_the_folder_needs_its_settings(toy):
    recipe = read_recipe(toy.write(CHAIN))
    with pytest.raises(SonantError, match="'config' .what to train. is not given"):
        default_folder(recipe, [])
    assert str(default_folder(recipe, [], lenient=True)) == "runs/toy"
    assert str(default_folder(recipe, [("config", "cpc.csa8"), ("version", "3")])) == "exp/cpc.csa8/version_3"
    assert str(default_folder(recipe, [("config", "conf/a.b.yaml"), ("exp", "x/y")])) == "x/y/a.b/version_0"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"folder": "{exp}/{name}"}, "unknown setting in .*folder: 'name'"),
        ({"folder": "{options}"}, "which may be several words"),
        ({"freeze": ["{config} --a {seed}"]}, "the configuration alone"),
        ({"freeze": ["{config}", "--a {sed}"]}, "unknown setting in .*freeze: 'sed'. Did you mean 'seed'"),
        ({"stages": [{"name": "a", "run": "make x", "out": "config.yaml"}]}, "no stage can make it"),
        ({"stages": [{"name": "a", "run": "make x", "out": "a", "keep": "yes"}]}, "keep must be true or false"),
    ],
)
def test_wrong_recipes_are_refused(toy, change, told):
    with pytest.raises(SonantError, match=told):
        read_recipe(toy.write({**CHAIN, **change}))


def test_dotted_settings_go_to_options_only_where_there_are_some(toy):
    with pytest.raises(SonantError, match="unknown setting 'optim.lr'"):
        toy.run(settings={"optim.lr": 1})
