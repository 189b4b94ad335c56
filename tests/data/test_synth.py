"""The generated corpus: determinism, disjoint speakers, exact times, resuming, dialogues."""

import dataclasses
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sonant.core import SonantError
from sonant.data import _espeak
from sonant.data.manifest import Manifest
from sonant.data.recipes import synth as recipe
from sonant.data.synth import SynthConfig, synth
from sonant.data.synth_channel import Channel
from sonant.data.synth_dialogues import DialogueConfig, synth_dialogues
from sonant.data.synth_phones import CMU, annotate, fold_english
from sonant.data.synth_speakers import Variation, draw_speakers, split_voices
from sonant.data.synth_texts import languages, sentences
from sonant.data.synth_timings import Token, read_timings, spoken, units_of
from sonant.data.synth_workers import run_fresh
from sonant.data.textgrid import read_textgrid

pytestmark = pytest.mark.skipif(not _espeak.available(), reason="no eSpeak NG: pip install 'sonant[synth]'")

SMALL = SynthConfig(hours=0.005, speakers=2, test_speakers=2, test_sentences=3)
PHONES_39 = {phone for value in CMU.values() for phone in value.split()}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("synth") / "corpus"
    synth(out, SMALL, processes=2)
    return out


@pytest.fixture(scope="module")
def synthesiser() -> _espeak.Synthesiser:
    return _espeak.Synthesiser(1)


def digests(folder: Path) -> dict[str, str]:
    kept = (".flac", ".TextGrid", ".jsonl", ".item", "synth.json")
    files = sorted(p for p in folder.rglob("*") if p.name.endswith(kept))
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


# --- the corpus ---------------------------------------------------------------------------------------


def test_equal_settings_give_equal_bytes_on_any_number_of_cores(corpus, tmp_path):
    synth(tmp_path / "again", SMALL, processes=1)
    assert digests(tmp_path / "again") == digests(corpus)
    assert len(digests(corpus)) > 20


def test_another_seed_gives_another_corpus(corpus, tmp_path):
    config = dataclasses.replace(SMALL, seed=1, speakers=1, test_speakers=0, hours=0.001)
    synth(tmp_path / "other", config)
    assert not (tmp_path / "other" / "test").exists()
    assert not set(digests(tmp_path / "other").values()) & set(digests(corpus).values())


def test_parts_have_the_wanted_size_and_share_neither_speakers_nor_voices_nor_sentences(corpus):
    train, test = Manifest.open(corpus / "train"), Manifest.open(corpus / "test")
    assert SMALL.hours <= train.hours < SMALL.hours + 2 * 6 / 3600
    assert len(test) == 6
    assert train.speakers == ["train000", "train001"] and test.speakers == ["test000", "test001"]
    assert not {u.text for u in train} & {u.text for u in test}
    texts = [[u.text for u in test if u.speaker == speaker] for speaker in test.speakers]
    assert texts[0] == texts[1]
    voices = {s["name"]: s["voice"] for s in json.loads((corpus / "synth.json").read_text())["speakers"]}
    assert len(set(voices.values())) == 4


def test_words_are_those_of_the_text_and_phones_those_of_cmu(corpus):
    for part in ("train", "test"):
        for u in Manifest.open(corpus / part):
            assert [word for word, _, _ in u.words] == [token.strip(".,?") for token in u.text.split()]
            assert {phone for phone, _, _ in u.phones} <= PHONES_39
            onsets, offsets = {on for _, on, _ in u.phones}, {off for _, _, off in u.phones}
            assert all(on in onsets and off in offsets for _, on, off in u.words)
            flat = [t for _, on, off in u.phones for t in (on, off)]
            assert flat == sorted(flat) and flat[0] >= 0.1 and flat[-1] <= u.duration - 0.09


def test_files_are_16_bit_flac_at_16_khz_and_hold_the_speech_where_the_phones_are(corpus):
    for u in Manifest.open(corpus / "test"):
        info = soundfile.info(u.path)
        assert (info.samplerate, info.channels, info.subtype, info.format) == (16000, 1, "PCM_16", "FLAC")
        wave, _ = soundfile.read(u.path)
        vowels = [(on, off) for phone, on, off in u.phones if phone[0] in "AEIOU"]
        loud = np.mean([np.mean(wave[int(a * 16000) : int(b * 16000)] ** 2) for a, b in vowels])
        assert loud > 4 * np.mean(wave[: int(0.09 * 16000)] ** 2)


def test_textgrids_hold_what_the_manifest_holds(corpus):
    for u in Manifest.open(corpus / "test"):
        tiers = read_textgrid(corpus / "test" / "textgrid" / u.speaker / f"{u.id}.TextGrid")
        assert [s for s in tiers["phones"] if s[0]] == u.phones
        assert [s for s in tiers["words"] if s[0]] == u.words


def test_items_join_both_test_speakers_in_the_same_contexts(corpus):
    rows = [line.split() for line in (corpus / "items" / "triphone.item").read_text().splitlines()[1:]]
    contexts = [{tuple(r[3:6]) for r in rows if r[6] == speaker} for speaker in ("test000", "test001")]
    assert len(contexts[0] & contexts[1]) > 0.8 * len(contexts[0] | contexts[1]) > 20
    phones = (corpus / "items" / "phone.item").read_text().splitlines()[1:]
    assert len(phones) == sum(len(u.phones) for u in Manifest.open(corpus / "test"))


def test_several_languages_keep_their_own_phones_and_item_files(tmp_path):
    config = dataclasses.replace(SMALL, languages=("de", "pl"), test_speakers=4, test_sentences=1, hours=0.002)
    train = synth(tmp_path / "c", config)
    assert train.languages == ["de", "pl"]
    german, polish = ({p for u in train if u.language == x for p, _, _ in u.phones} for x in ("de", "pl"))
    assert not (german | polish) & PHONES_39 and "eː" in german and polish - german and german - polish
    assert sorted(p.name for p in (tmp_path / "c" / "items").iterdir()) == [
        "de-phone.item", "de-triphone.item", "pl-phone.item", "pl-triphone.item",
    ]  # fmt: skip


def test_a_text_file_is_spoken(tmp_path):
    lines = ["Two thin dogs of the king.", "", "In the house, a mouse.", "---", "Shall we go on?"]
    (tmp_path / "texts.txt").write_text("\n".join(lines))
    config = dataclasses.replace(SMALL, hours=0.001, speakers=1, test_sentences=1, texts=str(tmp_path / "texts.txt"))
    train = synth(tmp_path / "c", config)
    assert {u.text for u in train} == {lines[2], lines[4]}
    assert [w for w, _, _ in Manifest.open(tmp_path / "c" / "test").utterance(0).words][2:5] == ["dogs", "of", "the"]
    with pytest.raises(SonantError, match=r"3 different sentences and 10 are needed"):
        synth(tmp_path / "d", dataclasses.replace(config, test_sentences=9))


# --- interruption -------------------------------------------------------------------------------------


def test_a_killed_run_leaves_nothing_that_looks_whole_and_is_finished_to_the_same_bytes(corpus, tmp_path):
    out = tmp_path / "corpus"
    script = tmp_path / "run.py"
    script.write_text(
        "import sys\nfrom sonant.data.synth import SynthConfig, synth\n"
        "if __name__ == '__main__':\n"
        f"    synth(sys.argv[1], SynthConfig(hours={SMALL.hours}, speakers=2, test_speakers=2, test_sentences=3), "
        "processes=1)\n"
    )
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    process = subprocess.Popen([sys.executable, str(script), str(out)], env=environment)
    while process.poll() is None and not list(out.glob(".parts/t*.json")):
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert list(out.glob(".parts/t*.json")) and not (out / "synth.json").exists()
    with pytest.raises(SonantError, match="no manifest|holds no"):
        Manifest.open(out / "train")
    with pytest.raises(SonantError, match=r"unfinished.*differ in: seed"):
        synth(out, dataclasses.replace(SMALL, seed=5))
    synth(out, SMALL)
    assert digests(out) == digests(corpus) and not (out / ".parts").exists()


def test_a_whole_corpus_is_opened_and_never_overwritten(corpus):
    before = digests(corpus)
    assert len(synth(corpus, SMALL)) == len(Manifest.open(corpus / "train"))
    with pytest.raises(SonantError, match="differ in: .*speakers"):
        synth(corpus, dataclasses.replace(SMALL, speakers=3))
    assert digests(corpus) == before


def test_a_folder_with_other_things_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(SonantError, match="not empty"):
        synth(tmp_path, SMALL)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def _fail(job: str) -> None:
    if job == "known":
        raise SonantError("the disk is full of sand")
    os.abort()


@pytest.mark.parametrize(("job", "says"), [("known", "full of sand"), ("crash", "ended with code")])
def test_a_failing_process_is_an_error_of_one_line(job, says, capfd):
    with pytest.raises(SonantError, match=says):
        run_fresh(_fail, [job])
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"languages": ("en-gb",), "test_speakers": 2}, "en-gb"),
        ({"languages": ("xx",), "texts": "texts.txt"}, "unknown eSpeak NG language 'xx'"),
        ({"hours": 0.0}, "hours"),
        ({"test_speakers": 1}, "too few"),
        ({"languages": ("de", "fr"), "test_speakers": 0, "texts": "a.txt"}, "one language"),
    ],
)
def test_impossible_settings_are_told(tmp_path, monkeypatch, changes, says):
    monkeypatch.chdir(tmp_path)
    Path("texts.txt").write_text("\n".join(f"sentence {'x' * i}" for i in range(1, 9)))
    with pytest.raises(SonantError, match=says):
        synth(tmp_path / "c", dataclasses.replace(SMALL, **changes))


# --- times, phones, voices ----------------------------------------------------------------------------


def test_boundaries_sit_where_the_sound_changes(synthesiser):
    """High-frequency energy of s between vowels begins and ends within 10 ms of the phone."""
    synthesiser.set_voice("en-us")
    speech, phones = _phones(synthesiser, "[[as'A:sa]]")
    found = [(on, off) for label, on, off in phones if label == "S"]
    assert len(found) == 2
    wave, size = speech.samples.astype(float), speech.sample_rate // 200
    frames = wave[: len(wave) // size * size].reshape(-1, size)
    high = (np.abs(np.fft.rfft(frames * np.hanning(size)))[:, size // 5 :] ** 2).sum(1)
    loud = np.flatnonzero(np.diff((high > 0.1 * high.max()).astype(int))) + 1
    for on, off in found:
        for boundary in (on, off):
            assert np.abs(loud * size - boundary).min() < 0.010 * speech.sample_rate


def _phones(synthesiser, text, *, closures=(True,)):
    """What is said, and its phones with each of the settings of ``closures``."""
    speech = synthesiser.say(text, mnemonics=True)
    kwargs = {"english": True, "count_phones": synthesiser.count_phones}
    return speech, *(annotate(speech, text, closures=closed, **kwargs)[1] for closed in closures)


def test_stops_begin_with_their_closure(synthesiser):
    synthesiser.set_voice("en-us")
    speech, closed, open_ = _phones(synthesiser, "[[at'A:]]", closures=(True, False))
    start, burst = (next(on for label, on, _ in phones if label == "T") for phones in (closed, open_))
    assert 0.025 < (burst - start) / speech.sample_rate < 0.06
    silent, vowel = speech.samples[int(start) : int(burst) - 60], speech.samples[: int(start)]
    assert np.abs(silent.astype(float)).mean() < 0.1 * np.abs(vowel.astype(float)).mean()


def test_words_that_the_synthesiser_joins_are_parted(synthesiser):
    synthesiser.set_voice("en-us")
    text = "Out of the house, I would have been there in 1998."
    words, phones = annotate(
        synthesiser.say(text), text, english=True, closures=True, count_phones=synthesiser.count_phones
    )
    assert [word for word, _, _ in words] == [token.strip(",.") for token in text.split()]
    assert words[0][1] == phones[0][1] and words[-1][2] == phones[-1][2]


def test_a_word_keeps_its_final_nasal(synthesiser):
    """The synthesiser's own word events come one phone early after final sonorants."""
    synthesiser.set_voice("en-us")
    text = "The king is all alone."
    words, phones = annotate(
        synthesiser.say(text), text, english=True, closures=True, count_phones=synthesiser.count_phones
    )
    said = {w: [p for p, on, off in phones if a <= on and off <= b] for w, a, b in words}
    assert said["king"] == ["K", "IH", "NG"] and said["is"] == ["IH", "Z"] and said["all"] == ["AO", "L"]


@pytest.mark.parametrize(
    ("label", "phones"),
    [("ɑːɹ", "AA R"), ("aɪɚ", "AY ER"), ("əl", "AH L"), ("n̩", "AH N"), ("tʃ", "CH"), ("oʊ", "OW"), ("ɬ", "ɬ")],
)
def test_english_labels_fold_to_cmu_phones(label, phones):
    assert fold_english(label) == phones.split()


def test_english_covers_all_39_phones_and_every_grammar_speaks(synthesiser):
    assert len(languages()) >= 9
    for language in languages():
        synthesiser.set_voice(language)
        seen = set()
        for text in sentences(language, 80 if language == "en-us" else 3, seed=0):
            words, phones = annotate(
                synthesiser.say(text, rate=300), text, english=language == "en-us", closures=False,
                count_phones=synthesiser.count_phones,
            )  # fmt: skip
            assert len(words) == len(text.split())
            seen |= {label for label, _, _ in phones}
        assert seen == PHONES_39 if language == "en-us" else len(seen) > 8


def test_longer_lists_of_sentences_begin_alike():
    assert sentences("it", 50, seed=3)[:7] == sentences("it", 7, seed=3) != sentences("it", 7, seed=4)
    with pytest.raises(SonantError, match="no 1000000 different"):
        from sonant.data import synth_texts

        synth_texts.GIVE_UP, before = 0, synth_texts.GIVE_UP
        try:
            sentences("it", 1000000, seed=0)
        finally:
            synth_texts.GIVE_UP = before


def test_unknown_voices_are_refused_though_the_library_takes_them(synthesiser):
    with pytest.raises(SonantError, match="unknown eSpeak NG language 'en-gb'"):
        synthesiser.set_voice("en-gb")
    with pytest.raises(SonantError, match="variant 'f33'. Did you mean"):
        synthesiser.set_voice("en-us", "f33")


def test_formants_move_the_spectrum(synthesiser):
    def centre(factor):
        synthesiser.set_voice("en-us", "f2", formants=[(factor, 1.0, 1.0)] * 3)
        wave = synthesiser.say("[[i:i:]]", mnemonics=True).samples.astype(float)
        power = np.abs(np.fft.rfft(wave)) ** 2
        power[: int(1000 * len(wave) / 22050)] = 0
        return (power * np.arange(len(power))).sum() / power.sum() / len(wave) * 22050

    assert centre(0.85) < centre(1.0) < centre(1.15)


def test_loud_voices_do_not_overflow(synthesiser):
    for voice in ("iven", "steph", "Jacky"):
        synthesiser.set_voice("en-us", voice, formants=[(1.0, 1.5, 0.7)] * 3)
        samples = synthesiser.say("All one more time.").samples.astype(int)
        assert 1000 < np.abs(samples).max() < 32000 and np.abs(np.diff(samples)).max() < 30000


def test_symbols_that_are_read_out_are_no_words(synthesiser):
    synthesiser.set_voice("ja")
    text = "`a` = + §"
    words, phones = annotate(
        synthesiser.say(text), text, english=False, closures=True, count_phones=synthesiser.count_phones
    )
    assert len(phones) > 4 and all(on < off for _, on, off in words)


def test_speakers_are_drawn_one_by_one():
    kwargs = {"voices": ["f1", "m1"], "languages": ["en-us"], "variation": Variation(), "seed": 7}
    many = draw_speakers("train", ["a", "b", "c"], **kwargs)
    assert draw_speakers("train", ["a", "b"], **kwargs) == many[:2]
    train, test = split_voices(8, seed=0)
    assert len(test) == 8 and not set(train) & set(test)
    with pytest.raises(SonantError, match=r"variation.rate"):
        Variation(rate=(200, 100))


def test_the_channel_keeps_times_and_sets_level_and_noise():
    speaker = draw_speakers("x", ["a"], voices=["f1"], languages=["de"], variation=Variation(), seed=0)[0]
    channel = Channel(speaker, sample_rate=16000, seed=0)
    click = np.zeros(4000)
    click[1000] = 1.0
    heard = channel.hear(click)
    assert abs(int(np.abs(heard).argmax()) - 1000) <= 2 and len(heard) == 4000
    noise = channel.noise(16000, "u1")
    assert np.array_equal(noise, channel.noise(16000, "u1")) and not np.array_equal(noise, channel.noise(16000, "u2"))
    ratio = 10 * np.log10(np.mean(noise**2))
    assert ratio == pytest.approx(speaker.level_db - speaker.snr_db, abs=0.1)
    assert np.abs(channel(np.sin(np.arange(16000)) * 1e4, "u1")).max() < 1


def test_clean_speech_is_the_synthesiser_alone():
    speaker = draw_speakers("x", ["a"], voices=["f1"], languages=["de"], variation=Variation.clean(), seed=0)[0]
    wave = np.random.default_rng(0).standard_normal(4000)
    heard = Channel(speaker, sample_rate=16000, seed=0).hear(wave)
    assert np.abs(heard - wave).max() < 1e-2 and speaker.stretch == 1.0 and speaker.formants == ()


def test_the_recipe_passes_its_options_on(tmp_path):
    options = {"hours": 0.001, "speakers": 1, "test_speakers": 0, "languages": " es ", "clean": True, "seed": 3}
    manifest = recipe.prepare(None, tmp_path / "c", **options)
    assert manifest.languages == ["es"] and manifest.folder == tmp_path / "c" / "train"
    plan = json.loads((tmp_path / "c" / "synth.json").read_text())["plan"]["config"]
    assert plan["seed"] == 3 and plan["variation"]["snr_db"][0] > 100
    with pytest.raises(SonantError, match="reads no corpus"):
        recipe.prepare(tmp_path, tmp_path / "d")


# --- dialogues ----------------------------------------------------------------------------------------

CALL = {
    "id": "call1",
    "channels": [
        [["hello", 0.5, 0.9], ["there", 0.95, 1.3], ["[laughter]", 1.6, 2.0], ["goodbye", 3.0, 3.6]],
        [["hi", 1.1, 1.4], ["[laughter-yes]", 2.2, 2.6], ["i", 2.6, 2.7], ["do", 2.75, 3.1]],
    ],
    "duration": 4.0,
}


@pytest.fixture(scope="module")
def dialogues(tmp_path_factory) -> Manifest:
    folder = tmp_path_factory.mktemp("dialogues")
    (folder / "calls.jsonl").write_text(json.dumps(CALL) + "\n\n" + json.dumps({**CALL, "id": "call2"}) + "\n")
    return synth_dialogues(folder / "out", DialogueConfig(timings=str(folder / "calls.jsonl"), seed=1))


def test_dialogues_keep_the_timing_of_the_real_ones(dialogues):
    assert [u.id for u in dialogues] == ["call1", "call2"]
    u = dialogues.utterance(0)
    assert u.channel is None and u.duration == 4.0
    wanted = [[(0.5, 1.3), (3.0, 3.6)], [(1.1, 1.4), (2.2, 3.1)]]
    for found, real in zip(u.activity, wanted, strict=True):
        assert [on for on, _ in found] == [on for on, _ in real]
        for (on, off), (_, end) in zip(found, real, strict=True):
            assert abs((off - on) / (end - on) - 1) < 0.1


def test_dialogues_have_words_and_phones_of_each_side(dialogues):
    folder = dialogues.folder
    tiers = read_textgrid(folder / "textgrid" / "call1.TextGrid")
    assert list(tiers) == ["words-A", "phones-A", "words-B", "phones-B"]
    assert [w for w, _, _ in tiers["words-A"] if w] == ["hello", "there", "goodbye"]
    assert [w for w, _, _ in tiers["words-B"] if w] == ["hi", "yes", "i", "do"]
    activity = dialogues.utterance(0).activity[1]
    for phone, on, off in tiers["phones-B"]:
        assert not phone or any(a - 1e-6 <= on and off <= b + 1e-6 for a, b in activity)


def test_sides_speak_on_their_own_channel_with_laughter_outside_the_activity(dialogues):
    wave, rate = soundfile.read(dialogues.path(0))
    assert wave.shape == (64000, 2) and rate == 16000

    def power(channel, start, stop):
        return np.mean(wave[int(start * rate) : int(stop * rate), channel] ** 2)

    quiet = [power(0, 0.1, 0.4), power(1, 0.1, 0.4)]
    assert power(0, 0.55, 1.0) > 3 * quiet[0] and power(1, 0.55, 1.0) < 3 * quiet[1]
    assert power(0, 1.7, 1.9) > 1.5 * quiet[0]
    other, _ = soundfile.read(dialogues.path(1))
    assert not np.allclose(wave, other)


def test_units_end_at_pauses_of_200_ms():
    tokens = [("a", 0.0, 0.3), ("b", 0.49, 0.6), ("c", 0.81, 1.0), ("", 1.0, 1.1), ("d", 1.1, 1.2)]
    units = units_of(Token(*token) for token in tokens)
    assert [(u.words, u.onset, u.offset) for u in units] == [(("a", "b"), 0.0, 0.6), (("c", "d"), 0.81, 1.2)]


@pytest.mark.parametrize(
    ("token", "said"),
    [
        ("[silence]", ""), ("[vocalized-noise]", ""), ("[laughter-yeah]", "yeah"), ("[porce/force]", "porce"),
        ("{nonce}", "nonce"), ("them_1", "them"), ("tomo[rrow]-", "tomo"), ("th[at]-", "uh"), ("i-", "i"),
        ("-[un]til", "til"), ("o'clock", "o'clock"), ("pop-up", "pop-up"), ("uh-huh", "uh-huh"),
    ],
)  # fmt: skip
def test_transcript_tokens_become_what_is_said(token, said):
    assert spoken(token) == said


def test_reads_real_conversations(data_dir):
    path = data_dir / "switchboard-timing" / "conversations.jsonl.gz"
    conversations = []
    for conversation in read_timings(path):
        conversations.append(conversation)
        if len(conversations) == 20:
            break
    words = sum(bool(t.text) for c in conversations for side in c.channels for t in side)
    assert words > 10_000 and all(100 < c.duration < 1000 for c in conversations)
    assert not any("[" in t.text or "_" in t.text for c in conversations for side in c.channels for t in side)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"channels": [[["a", 0, 1]]]}, "2"),
        ({"channels": [[["a", 0.5, 1], ["b", 0.7, 1.2]], []]}, "without overlap"),
        ({"duration": 2.0}, "after the duration"),
        ({"channels": "no"}, "no conversation"),
        ({"id": "../../etc/x"}, "cannot name a file"),
    ],
)
def test_damaged_timings_are_told_by_line(tmp_path, change, says):
    (tmp_path / "calls.jsonl").write_text(json.dumps({**CALL, **change}))
    with pytest.raises(SonantError, match=says):
        synth_dialogues(tmp_path / "out", DialogueConfig(timings=str(tmp_path / "calls.jsonl")))
    assert not (tmp_path / "out" / "synth.json").exists()


def test_dialogues_to_test_on_have_voices_of_their_own(tmp_path):
    (tmp_path / "calls.jsonl").write_text("\n".join(json.dumps({**CALL, "id": f"call{i}"}) for i in range(3)))
    config = DialogueConfig(timings=str(tmp_path / "calls.jsonl"), test=1)
    kept = synth_dialogues(tmp_path / "out", config)
    tested = Manifest.open(tmp_path / "out" / "test")
    assert [u.id for u in kept] == ["call0", "call1"] and [u.id for u in tested] == ["call2"]
    assert soundfile.info(tested.path(0)).channels == 2
    speakers = json.loads((tmp_path / "out" / "synth.json").read_text())["speakers"]
    voices = {speaker["name"]: speaker["voice"] for speaker in speakers}
    test_voices = {voice for name, voice in voices.items() if name.startswith("call2")}
    assert len(test_voices) == 2 and test_voices.isdisjoint({v for n, v in voices.items() if not n.startswith("call2")})
    assert test_voices <= set(split_voices(2, seed=0)[1])


def test_dialogues_need_some_to_train_on(tmp_path):
    (tmp_path / "calls.jsonl").write_text(json.dumps(CALL))
    with pytest.raises(SonantError, match="1 conversations 1 to test on leave none"):
        synth_dialogues(tmp_path / "out", DialogueConfig(timings=str(tmp_path / "calls.jsonl"), test=1))
