"""eSpeak NG through ctypes: text to samples with the times of its words and phones.

The library comes with the optional package ``espeakng-loader``; a system ``libespeak-ng`` serves as well.
It keeps global state: one synthesiser a process, no threads. Its pitch phase and noise go on from call to
call, so equal samples need a fresh process that makes the same calls in the same order (``synth_workers``).
Prototypes and event layouts: eSpeak NG 1.52, ``speak_lib.h``.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..core import MissingExtra, SonantError, require, unknown

SYNCHRONOUS = 2  # espeak_Initialize: samples come through the callback, no audio device
PHONE_EVENTS, IPA_NAMES, KEEP_RUNNING = 0x1, 0x2, 0x8000  # options of espeak_Initialize
UTF8, PHONE_INPUT = 0x1, 0x100  # flags of espeak_Synth; PHONE_INPUT: text may hold [[...]] mnemonics
WORD, PHONE = 1, 7  # event types
RATE, VOLUME, PITCH, PITCH_RANGE = 1, 2, 3, 4  # espeak_SetParameter
SOFT = 18  # volume, of 0..200: at the usual 100 loud voices with strong formants overflow 16 bits
LONGEST_DATA_PATH = 150  # bytes; the library keeps the folder of its data in a fixed buffer


class _Identity(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Identity),
    ]


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@dataclass(frozen=True)
class Speech:
    """One synthesised text.

    Attributes:
        samples: (L,) int16 at ``sample_rate``.
        sample_rate: in Hz (22050).
        words: (index of its first phone, index of its first character) of each word of the text. The library
            gives some pairs as one word ("of the"), and the times of its word events can be one phone early;
            their order among the phones is right.
        phones: (start sample, IPA label) of each phone; it ends where the next begins. '' is a pause.
    """

    samples: np.ndarray
    sample_rate: int
    words: list[tuple[int, int]]
    phones: list[tuple[int, str]]


class Synthesiser:
    """The one synthesiser of this process.

    Args:
        seed: seeds the noise generator of the library.

    Attributes:
        sample_rate: of what it says, Hz (22050).
        version: of the library.
        languages, variants: the voice files by name; a variant (speaker timbre) goes with any language.

    Raises:
        MissingExtra: neither ``espeakng-loader`` nor a system eSpeak NG is installed.
    """

    def __init__(self, seed: int = 0):
        self._library, data = _load()
        self._prototypes()
        options = PHONE_EVENTS | IPA_NAMES | KEEP_RUNNING
        self.sample_rate = self._library.espeak_Initialize(SYNCHRONOUS, 0, data and data.encode(), options)
        require(
            self.sample_rate > 0,
            f"eSpeak NG does not start with its data in {data or 'the system folder'} "
            f"(error {self.sample_rate}); reinstall espeakng-loader, or shorten the path of the environment",
        )
        path = ctypes.c_char_p()
        self.version = self._library.espeak_Info(ctypes.byref(path)).decode().split()[0]
        data = Path(path.value.decode())
        self.languages = {p.name.lower(): p for p in sorted((data / "lang").rglob("*")) if p.is_file()}
        self.variants = {p.name: p for p in sorted((data / "voices" / "!v").iterdir())}
        self._callback = _Callback(self._receive)  # kept: the library holds only the bare pointer
        self._library.espeak_SetSynthCallback(self._callback)
        self._library.espeak_ng_SetRandSeed(seed & 0x7FFFFFFF)
        self._voice: tuple | None = None
        self._clear()

    def set_voice(
        self, language: str, variant: str = "", *, formants: Sequence[tuple[float, float, float]] = ()
    ) -> None:
        """Choose who speaks what.

        Args:
            language: ``en-us``, ``de``, ...
            variant: ``f3``, ...; '' is the plain voice of the language.
            formants: factors on frequency, strength and width of formant 1, 2, ... of the voice.

        Raises:
            SonantError: unknown language or variant, with the nearest known names.
        """
        voice = (language, variant, tuple(formants))
        if voice == self._voice:
            return
        # by file and not by name: by name, an unknown variant is dropped silently
        if language.lower() not in self.languages:
            raise unknown("eSpeak NG language", language, self.languages)
        if variant and variant not in self.variants:
            raise unknown("eSpeak NG variant", variant, self.variants)
        text = self.languages[language.lower()].read_text()
        if variant:
            text += "\n" + self.variants[variant].read_text()
        handle, path = tempfile.mkstemp(prefix="sonant-voice-")
        try:
            with os.fdopen(handle, "w") as stream:
                stream.write(_with_formants(text, formants))
            code = self._library.espeak_SetVoiceByFile(os.fsencode(path))
        finally:
            os.unlink(path)
        require(code == 0, f"eSpeak NG does not load the voice '{language}+{variant}' (error {code})")
        self._voice = voice

    def say(
        self, text: str, *, rate: int = 175, pitch: int = 50, pitch_range: int = 50, mnemonics: bool = False
    ) -> Speech:
        """Synthesise ``text`` with the chosen voice.

        Args:
            rate: words a minute, 80..450.
            pitch, pitch_range: 0..99; 50 is the voice's own, range 0 is monotone.
            mnemonics: ``[[...]]`` in the text holds eSpeak phoneme mnemonics.
        """
        values = {RATE: rate, VOLUME: SOFT, PITCH: pitch, PITCH_RANGE: pitch_range}
        for parameter, value in values.items():
            self._library.espeak_SetParameter(parameter, int(value), 0)
        self._clear()
        raw = text.encode()
        flags = UTF8 | (PHONE_INPUT if mnemonics else 0)
        code = self._library.espeak_Synth(raw, len(raw) + 1, 0, 1, 0, flags, None, None)
        require(code == 0, f"eSpeak NG refused the text {text[:60]!r} (error {code})")
        self._library.espeak_Synchronize()
        if self._failure is not None:
            raise self._failure
        samples = np.concatenate(self._blocks) if self._blocks else np.zeros(0, np.int16)
        return Speech(samples, self.sample_rate, self._words, self._phones)

    def count_phones(self, text: str) -> int:
        """How many phones ``text`` has when said by itself."""
        pointer, count = ctypes.c_char_p(text.encode()), 0
        while pointer.value is not None:  # one clause a call
            clause = self._library.espeak_TextToPhonemes(ctypes.byref(pointer), UTF8, ord("_") << 8)
            count += sum(len(word.split("_")) for word in (clause or b"").decode(errors="replace").split())
        return count

    def _clear(self) -> None:
        self._blocks: list[np.ndarray] = []
        self._words: list[tuple[int, int]] = []
        self._phones: list[tuple[int, str]] = []
        self._failure: Exception | None = None

    def _receive(self, wave, count, events) -> int:
        """Take one block of samples and events; the library reuses their memory, so they are copied."""
        try:
            if wave and count > 0:
                self._blocks.append(np.ctypeslib.as_array(wave, shape=(count,)).copy())
            i = 0
            while events[i].type:
                event = events[i]
                if event.type == WORD:
                    self._words.append((len(self._phones), event.text_position - 1))
                elif event.type == PHONE:
                    # 8 bytes without terminator when full
                    self._phones.append((event.sample, event.id.string.decode(errors="replace")))
                i += 1
        except Exception as error:  # an exception cannot cross the C frames: kept, raised by say()
            self._failure = error
            return 1
        return 0

    def _prototypes(self) -> None:
        c, library = ctypes, self._library
        library.espeak_Initialize.argtypes = [c.c_int, c.c_int, c.c_char_p, c.c_int]
        library.espeak_Info.argtypes = [c.POINTER(c.c_char_p)]
        library.espeak_Info.restype = c.c_char_p
        library.espeak_SetSynthCallback.argtypes = [_Callback]
        library.espeak_SetVoiceByFile.argtypes = [c.c_char_p]
        library.espeak_SetParameter.argtypes = [c.c_int, c.c_int, c.c_int]
        library.espeak_Synth.argtypes = [
            c.c_char_p, c.c_size_t, c.c_uint, c.c_int, c.c_uint, c.c_uint, c.POINTER(c.c_uint), c.c_void_p
        ]  # fmt: skip
        library.espeak_TextToPhonemes.argtypes = [c.POINTER(c.c_char_p), c.c_int, c.c_int]
        library.espeak_TextToPhonemes.restype = c.c_char_p
        library.espeak_ng_SetRandSeed.argtypes = [c.c_long]


def _with_formants(voice: str, formants: Sequence[tuple[float, float, float]]) -> str:
    """A voice file with its formants scaled; a line is ``formant number frequency% strength% width% [+Hz]``."""
    lines, kept = {i: [100.0, 100.0, 100.0] for i in range(1, len(formants) + 1)}, []
    for line in voice.splitlines():
        words = line.split("//")[0].split()
        if len(words) >= 3 and words[0] == "formant" and int(words[1]) in lines:
            found = [float(word) for word in words[2:]]
            lines[int(words[1])] = found + [100.0] * (3 - len(found))
        else:
            kept.append(line)
    for number, (frequency, strength, width) in enumerate(formants, start=1):
        f, s, w, *shift = lines[number]
        values = [f * frequency, s * strength, w * width, *(hertz * frequency for hertz in shift)]
        kept.append(f"formant {number} " + " ".join(str(round(value)) for value in values))
    return "\n".join(kept) + "\n"


def _load() -> tuple[ctypes.CDLL, str | None]:
    """The library and the folder of its data (None: the library knows)."""
    try:
        import espeakng_loader
    except ImportError:
        name = ctypes.util.find_library("espeak-ng") or "libespeak-ng.so.1"
        try:
            return ctypes.CDLL(name), None
        except OSError:
            raise MissingExtra("espeakng-loader", "synth", "generating speech") from None
    data = str(espeakng_loader.get_data_path())
    require(
        len(data.encode()) <= LONGEST_DATA_PATH,
        f"the path of eSpeak NG's data is longer than the {LONGEST_DATA_PATH} bytes that the library can hold: {data}; "
        "install the environment in a folder with a shorter path",
    )
    try:
        return ctypes.CDLL(str(espeakng_loader.get_library_path())), data
    except OSError as error:
        raise SonantError(f"the library of espeakng-loader does not load here: {error}") from error


def available() -> bool:
    """Whether an eSpeak NG library can be loaded."""
    try:
        _load()
    except SonantError:
        return False
    return True
