from __future__ import annotations

import pytest
from training_toy import ToyMethod

from sonant.training.model_folder import write_model


def test_files_are_replaced_whole_and_a_failure_leaves_the_old(tmp_path):
    representation = ToyMethod().representation()

    def save(_, folder, facts):
        folder.mkdir()
        for name in ("config.json", "model.bin"):
            (folder / name).write_text(facts["text"])

    def fail(_, folder, facts):
        save(_, folder, facts)
        raise OSError(28, "No space left on device")

    for text in ("first", "second"):
        write_model(representation, tmp_path, {"text": text}, save_model=save)
        assert [(tmp_path / "model" / name).read_text() for name in ("config.json", "model.bin")] == [text, text]
        assert [path.name for path in tmp_path.iterdir()] == ["model"]
    with pytest.raises(RuntimeError, match=r"cannot write .*model: No space left on device"):
        write_model(representation, tmp_path, {"text": "third"}, save_model=fail)
    assert (tmp_path / "model" / "model.bin").read_text() == "second"
    write_model(representation, tmp_path, {"text": "fourth"}, save_model=save)
    assert (tmp_path / "model" / "model.bin").read_text() == "fourth"
