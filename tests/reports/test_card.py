import yaml

from sonant.reports import model_card

from .conftest import abx

CONFIG = {
    "sample_rate": 16000,
    "features": None,
    "encoder": {"name": "cpc_conv", "dim": 256},
    "context": {"name": "lstm", "dim": 256},
    "layer": "c",
    "layers": {"z": 256, "c": 256},
    "geometry": {"sample_rate": 16000, "hop": 160, "window": 465, "offset": 0, "tail": 0},
    "training": {"method": {"name": "cpc", "horizons": 12}, "seed": 3, "hours": 960.0},
}


def front(card: str) -> dict:
    return yaml.safe_load(card.split("---\n")[1])


def test_front_matter_is_what_hubs_read():
    results = [abx("runs/mine/model", 0.2), abx("mfcc", 0.3)]
    card = model_card(CONFIG, {"name": "mine", "licence": "CC-BY-4.0", "languages": ["en"], "results": results})
    matter = front(card)
    assert matter["library_name"] == "sonant"
    assert (matter["license"], matter["language"]) == ("cc-by-4.0", ["en"])
    assert {"speech", "cpc", "cpc_conv", "lstm"} <= set(matter["tags"])
    (scores,) = matter["model-index"]
    assert [one["metrics"][0]["value"] for one in scores["results"]] == [0.2]
    assert "| abx | across speaker, within context, angular | mfcc | error 30.0 % | test-other |" in card


def test_geometry_is_told_in_milliseconds():
    card = model_card(CONFIG, {"past": 100, "future": 0})
    for row in (
        "| frame rate | 100 Hz (a frame every 10 ms) |",
        "| window of a local frame | 29.0625 ms |",
        "| receptive field | 1029.06 ms |",
        "| look-ahead | 19.0625 ms |",
        "| seed | 3 |",
    ):
        assert row in card
    assert "| receptive field | everything before |" in model_card(CONFIG, {"past": None, "future": 0})
    assert "| look-ahead | the whole utterance |" in model_card(CONFIG, {"past": None, "future": None})


def test_a_card_of_nothing_says_so():
    card = model_card({}, {})
    assert front(card)["license"] == "unknown"
    for words in ("Not stated.", "None on file yet", "import sonant"):
        assert words in card


def test_text_of_strangers_stays_text():
    card = model_card(CONFIG, {"name": "x\n---\nlicense: mit", "about": "<script>a|b</script>", "speakers": "`rm`"})
    assert front(card)["license"] == "unknown"
    assert "<script>" not in card and "&lt;script&gt;a\\|b" in card
    assert "\\`rm\\`" in card
