from __future__ import annotations

import pytest
import torch

from sonant.core import SonantError
from sonant.nn.sequence_decoder import SequenceDecoder, SequenceDecoderConfig


def test_every_step_reads_the_same_vector():
    decode = SequenceDecoder(SequenceDecoderConfig(hidden=6, layers=2), in_dim=3, out_dim=4)
    e = torch.randn(2, 3)
    state, frames = None, []
    for _ in range(5):
        out, state = decode.rnn(decode.enter(e)[:, None], state)
        frames.append(decode.leave(out))
    torch.testing.assert_close(decode(e, 5), torch.cat(frames, dim=1))


def test_a_frame_depends_neither_on_later_ones_nor_on_other_rows():
    decode = SequenceDecoder(SequenceDecoderConfig(hidden=6, layers=2), in_dim=3, out_dim=4)
    e = torch.randn(3, 3)
    torch.testing.assert_close(decode(e, 7)[1:2, :4], decode(e[1:2], 4))


@pytest.mark.parametrize("settings", [{"layers": 0}, {"hidden": 0}])
def test_impossible_settings_are_refused(settings):
    with pytest.raises(SonantError, match=next(iter(settings))):
        SequenceDecoderConfig(**settings)
