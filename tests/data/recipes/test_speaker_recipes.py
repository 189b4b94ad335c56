"""VoxCeleb, VoxLingua107, MUSAN, OpenSLR 28, lists of files and Kaldi folders, on made-up trees of tiny files."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sonant.cli.main import main
from sonant.core import SonantError
from sonant.data.augment.sounds import Sounds
from sonant.data.kaldi import write_kaldi
from sonant.data.manifest import ManifestWriter, Utterance
from sonant.data.recipes import file_list, folder, kaldi, musan, rir_noise, voxceleb1, voxceleb2, voxlingua107

RATE = 8000


def put(root: Path, *names: str, channels: int = 1) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(root / name, np.full((800, channels), 0.1), RATE)


def ids(manifest) -> list[str]:
    return [u.id for u in manifest]


@pytest.fixture
def vox1(tmp_path) -> Path:
    root = tmp_path / "vox1"
    put(root, "dev/wav/id10001/1zcIwhmdeo4/00001.wav", "dev/wav/id10001/1zcIwhmdeo4/00002.wav")
    put(root, "dev/wav/id10309/abcdefghijk/00001.wav", "test/wav/id10270/5r0dWxy17C8/00001.wav", "wav/readme.wav")
    return root


def test_voxceleb1_trains_without_the_test_speakers(vox1, tmp_path, capsys):
    train = voxceleb1.prepare(vox1, tmp_path / "out")
    assert ids(train) == ["id10001-1zcIwhmdeo4-00001", "id10001-1zcIwhmdeo4-00002"]
    assert train.speakers == ["id10001"]
    assert "2 speakers are not of the split train" in capsys.readouterr().err
    test = voxceleb1.prepare(vox1, tmp_path / "out", split="test")
    assert ids(test) == ["id10270-5r0dWxy17C8-00001", "id10309-abcdefghijk-00001"]
    assert len(voxceleb1.prepare(vox1, tmp_path / "out", split="all")) == 4


def test_voxceleb1_reads_its_table_and_trials(vox1, tmp_path):
    (vox1 / "vox1_meta.csv").write_text(
        "VoxCeleb1 ID\tVGGFace1 ID\tGender\tNationality\tSet\nid10001\tA.J._Buckley\tm\tIreland\tdev\n"
        "id10309\tX\tf\tUSA\tdev\nid10270\tE\tf\tUSA\ttest\n"
    )
    train = voxceleb1.prepare(vox1, tmp_path / "out")
    assert {u.speaker: u.gender for u in train} == {"id10001": "m", "id10309": "f"}
    (tmp_path / "trials.txt").write_text("1 id10001/x/1.wav id10001/y/2.wav\n")
    assert voxceleb1.prepare(vox1, tmp_path / "out", trials=tmp_path / "trials.txt").speakers == ["id10309"]
    (tmp_path / "trials.txt").write_text("1 x y\n")
    with pytest.raises(SonantError, match="name no speaker of VoxCeleb"):
        voxceleb1.prepare(vox1, tmp_path / "out", trials=tmp_path / "trials.txt")
    (vox1 / "vox1_meta.csv").write_text("what,ever\n")
    with pytest.raises(SonantError, match="no table of VoxCeleb's speakers"):
        voxceleb1.prepare(vox1, tmp_path / "out")


def test_voxceleb2(tmp_path):
    root = tmp_path / "vox2"
    put(root, "dev/aac/id00012/21Uxsk56VDQ/00001.wav", "test/aac/id00017/01dfn2spqyE/00001.wav")
    (root / "dev/aac/id00012/21Uxsk56VDQ/00001.m4a").write_bytes(b"its wav is taken")
    train = voxceleb2.prepare(root, tmp_path / "out")
    assert ids(train) == ["id00012-21Uxsk56VDQ-00001"] and train.path(0).suffix == ".wav"
    assert ids(voxceleb2.prepare(root, tmp_path / "out", split="test")) == ["id00017-01dfn2spqyE-00001"]
    (root / "vox2_meta.csv").write_text(
        "VoxCeleb2 ID ,VGGFace2 ID ,Gender ,Set \nid00012 ,n000012 ,m ,test \nid00017 ,n000017 ,f ,dev \n"
    )
    assert {u.speaker: u.gender for u in voxceleb2.prepare(root, tmp_path / "out")} == {"id00017": "f"}


@pytest.mark.parametrize("recipe", [voxceleb1, voxceleb2, voxlingua107])
def test_what_to_fetch_is_said(recipe, tmp_path):
    for source in (None, tmp_path / "nothing", tmp_path):
        with pytest.raises(SonantError, match=r"fetch .* from https?://"):
            recipe.prepare(source, tmp_path / "out")


def test_voxlingua107(tmp_path):
    root = tmp_path / "vl"
    put(root, "et/a__U__S1---0001.wav", "iw/b__U__S1---0001.wav", "jw/c.wav", "dev/et/d.wav", "x.wav")
    languages = {u.id: u.language for u in voxlingua107.prepare(root, tmp_path / "out")}
    assert languages == {"et-a__U__S1---0001": "et", "iw-b__U__S1---0001": "he", "jw-c": "jv"}
    assert ids(voxlingua107.prepare(root, tmp_path / "out", split="dev")) == ["dev-et-d"]
    assert ids(voxlingua107.prepare(root, tmp_path / "out", languages="iw,jv")) == ["iw-b__U__S1---0001", "jw-c"]
    with pytest.raises(SonantError, match="unknown language 'xx'"):
        voxlingua107.prepare(root, tmp_path / "out", languages="xx")


def test_musan(tmp_path):
    root = tmp_path / "download" / "musan"
    put(root, "music/fma/music-fma-0000.wav", "speech/us-gov/speech-us-gov-0000.wav", "noise/a/noise-a-0000.wav")
    assert len(musan.prepare(tmp_path / "download", tmp_path / "out")) == 3
    assert ids(musan.prepare(root, tmp_path / "out", kinds="speech")) == ["speech-us-gov-0000"]
    sounds = Sounds(tmp_path / "out", sample_rate=RATE, cache_mb=1, setting="augment.noise")
    assert sounds.kinds == ("speech",) and len(sounds.draw(np.random.default_rng(0))) == 800
    with pytest.raises(SonantError, match="unknown kind of sound 'talk'"):
        musan.prepare(root, tmp_path / "out", kinds="talk")
    with pytest.raises(SonantError, match="is it the folder of MUSAN"):
        musan.prepare(root / "music", tmp_path / "out")


def test_rir_noise(tmp_path):
    root = tmp_path / "src" / "RIRS_NOISES"
    put(root, "simulated_rirs/smallroom/Room001/Room001-00001.wav", "pointsource_noises/noise-free-sound-0000.wav")
    real = root / "real_rirs_isotropic_noises"
    put(real, "air_type1_air_binaural_aula_1.wav", channels=2)
    put(real, "RVB2014_type1_noise_large_1.wav", "RWCP_type4_rir_p30r.wav", "ambient.wav")
    (real / "noise_list").write_text(f"--noise-id 1 --noise-type isotropic RIRS_NOISES/{real.name}/ambient.wav\n")

    def names(part):
        return [
            id.removeprefix(f"{real.name}-") for id in ids(rir_noise.prepare(root.parent, tmp_path / part, part=part))
        ]

    simulated = ["simulated_rirs-smallroom-Room001-Room001-00001"]
    rooms = ["RWCP_type4_rir_p30r", "air_type1_air_binaural_aula_1-0", "air_type1_air_binaural_aula_1-1"]
    assert names("simulated") == simulated
    assert names("real") == rooms
    assert names("rirs") == rooms + simulated
    assert names("noises") == [
        "RVB2014_type1_noise_large_1", "ambient", "pointsource_noises-noise-free-sound-0000",
    ]  # fmt: skip
    sounds = Sounds(tmp_path / "real", sample_rate=RATE, cache_mb=1, setting="augment.rirs")
    assert (len(sounds), len(sounds.tracks)) == (2, 3)


def test_download_of_a_zip(tmp_path):
    put(tmp_path / "made", "RIRS_NOISES/simulated_rirs/a.wav")
    (tmp_path / "www").mkdir()
    with zipfile.ZipFile(tmp_path / "www" / "rirs_noises.zip", "w") as packed:
        packed.write(tmp_path / "made/RIRS_NOISES/simulated_rirs/a.wav", "RIRS_NOISES/simulated_rirs/a.wav")
    url = (tmp_path / "www").as_uri()
    for _ in range(2):  # the second time nothing is fetched
        manifest = rir_noise.prepare(None, tmp_path / "out", download=True, url=url)
        assert ids(manifest) == ["simulated_rirs-a"]
    with zipfile.ZipFile(tmp_path / "www" / "rirs_noises.zip", "w") as packed:
        packed.writestr("../../outside.txt", "x")
    with pytest.raises(SonantError, match="points outside"):
        rir_noise.prepare(None, tmp_path / "other", download=True, url=url)


def test_lists_of_files(tmp_path):
    put(tmp_path / "audio", "a/v/1.wav", "b/v/2.wav")
    (tmp_path / "audio" / "train").write_text("anna a/v/1.wav\n\nben b/v/2.wav\n")
    found = {u.id: u.speaker for u in file_list.prepare(tmp_path / "audio" / "train", tmp_path / "out")}
    assert found == {"a/v/1": "anna", "b/v/2": "ben"}
    (tmp_path / "l.csv").write_text(
        "File,Speaker,Set,Gender,Language\na/v/1.wav,anna,train,f,et\nb/v/2.wav,ben,test,m,\n"
    )
    options = {"root": tmp_path / "audio", "language": "lv"}
    rows = [
        (u.id, u.speaker, u.gender, u.language)
        for u in file_list.prepare(tmp_path / "l.csv", tmp_path / "out", **options)
    ]
    assert rows == [("a/v/1", "anna", "f", "et"), ("b/v/2", "ben", "m", "lv")]
    assert ids(file_list.prepare(tmp_path / "l.csv", tmp_path / "out", part="test", **options)) == ["b/v/2"]
    with pytest.raises(SonantError, match="no row whose Set is 'dev'; known: test, train"):
        file_list.prepare(tmp_path / "l.csv", tmp_path / "out", part="dev")
    for text, message in (
        ("anna\n", "line 1: 'anna' is not"),
        ("", "is empty"),
        ("File,Speaker\n,x\n", "line 2: no file"),
    ):
        (tmp_path / "l.csv").write_text(text)
        with pytest.raises(SonantError, match=message):
            file_list.prepare(tmp_path / "l.csv", tmp_path / "out")


def test_a_manifest_becomes_a_kaldi_folder_and_back(tmp_path):
    put(tmp_path / "src", "b/2.wav", "a/1.wav", "B/3.wav")
    (tmp_path / "src/a/1.txt").write_text("HELLO")
    command = f"prepare folder {tmp_path}/src {tmp_path}/m --kaldi-folder {tmp_path}/k"
    assert main(command.split()) == 0
    assert (tmp_path / "k/utt2spk").read_text() == "1 a\n2 b\n3 B\n"
    assert (tmp_path / "k/spk2utt").read_text() == "B 3\na 1\nb 2\n"
    assert (tmp_path / "k/text").read_text() == "1 HELLO\n"
    assert not (tmp_path / "k/segments").exists()
    back = kaldi.prepare(tmp_path / "k", tmp_path / "back")
    assert [(u.id, u.speaker, u.text, u.path) for u in back] == sorted(
        (u.id, u.speaker, u.text, u.path) for u in folder.prepare(tmp_path / "src", tmp_path / "m")
    )


def test_parts_of_recordings_become_segments(tmp_path):
    put(tmp_path, "r.wav")
    put(tmp_path, "two.wav", channels=2)
    with ManifestWriter(tmp_path / "m") as writer:
        writer.add(Utterance(id="r-1", path=str(tmp_path / "r.wav"), start=0.01, duration=0.05, recording="r"))
        manifest = writer.finish()
    write_kaldi(manifest, tmp_path / "k")
    assert (tmp_path / "k/segments").read_text() == "r-1 r 0.010000 0.060000\n"
    assert (tmp_path / "k/utt2spk").read_text() == "r-1 r-1\n"
    back = kaldi.prepare(tmp_path / "k", tmp_path / "back")
    assert [(u.id, u.start, u.duration) for u in back] == [("r-1", 0.01, pytest.approx(0.05))]
    two = folder.prepare(tmp_path, tmp_path / "n", channels="each")
    with pytest.raises(SonantError, match="is channel 1 of a file with several"):
        write_kaldi(two, tmp_path / "k")
