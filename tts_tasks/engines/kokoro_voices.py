"""The languages of Kokoro's voices, and what good takes in each voice are like."""

from __future__ import annotations

from dataclasses import dataclass

from tts_tasks.values import Expected


@dataclass(frozen=True, slots=True)
class Language:
    """A language that the first letter of a voice's name stands for."""

    code: str
    """BCP 47 tag, in small letters."""

    espeak: str
    """Code of the eSpeak NG voice that makes the phonemes, as in the model's training."""

    name: str
    """Readable name."""


# Source: hexgrad/kokoro, kokoro/pipeline.py, LANG_CODES.
LANGUAGES = {
    "a": Language("en-us", "en-us", "English (America)"),
    "b": Language("en-gb", "en-gb", "English (Great Britain)"),
    "e": Language("es", "es", "Spanish"),
    "f": Language("fr-fr", "fr-fr", "French"),
    "h": Language("hi", "hi", "Hindi"),
    "i": Language("it", "it", "Italian"),
    "p": Language("pt-br", "pt-br", "Portuguese (Brazil)"),
}

UNSPOKEN_LANGUAGES = {"j": "Japanese", "z": "Mandarin"}
"""Their phonemes came from dictionaries in the model's training; eSpeak NG's are others."""

DEFAULTS = {
    "pt-br": "pf_dora",
    "pt": "pf_dora",
    "en": "af_heart",
    "en-us": "af_heart",
    "en-gb": "bf_emma",
    "es": "ef_dora",
    "fr": "ff_siwis",
    "hi": "hf_alpha",
    "it": "if_sara",
}
"""The voice of each language when none was asked for."""

# Written by `python -m tests.benchmarks.voices`; an AMD EPYC, 2026-11-22. For each voice:
# median pace, slowest and fastest (characters per second), loudness (LUFS), silence before and
# after, longest pause inside (seconds).
EXPECTED = {
    "pf_dora": Expected(17.5, (12.5, 18.2), -23.3, (0.2, 0.2), 0.18),
    "pm_alex": Expected(17.4, (12.0, 17.9), -23.0, (0.2, 0.2), 0.14),
    "pm_santa": Expected(16.9, (10.9, 17.6), -22.8, (0.2, 0.18), 0.08),
    "af_alloy": Expected(17.9, (8.8, 19.8), -22.0, (0.26, 0.67), 0.24),
    "af_aoede": Expected(19.6, (15.6, 20.9), -18.1, (0.23, 0.72), 0.35),
    "af_bella": Expected(17.6, (16.0, 21.7), -21.9, (0.4, 0.55), 0.47),
    "af_heart": Expected(18.7, (16.0, 21.1), -22.8, (0.29, 0.45), 0.49),
    "af_jessica": Expected(20.8, (12.7, 21.7), -22.1, (0.26, 0.53), 0.34),
    "af_kore": Expected(18.4, (15.9, 21.8), -18.6, (0.22, 0.68), 0.2),
    "af_nicole": Expected(12.0, (10.4, 15.9), -21.5, (0.25, 0.71), 1.39),
    "af_nova": Expected(18.8, (12.3, 20.5), -27.0, (0.24, 0.68), 0.21),
    "af_river": Expected(20.0, (11.5, 21.7), -21.6, (0.24, 0.53), 0.32),
    "af_sarah": Expected(18.9, (14.6, 20.0), -21.1, (0.47, 0.71), 0.59),
    "af_sky": Expected(17.4, (12.5, 19.5), -24.0, (0.39, 0.46), 0.47),
    "am_adam": Expected(19.2, (14.9, 20.0), -18.5, (0.29, 0.65), 0.42),
    "am_echo": Expected(17.7, (10.9, 20.0), -22.4, (0.25, 0.61), 0.31),
    "am_eric": Expected(20.9, (13.6, 21.6), -21.4, (0.26, 0.55), 0.17),
    "am_fenrir": Expected(18.6, (17.2, 22.0), -19.3, (0.22, 0.52), 0.25),
    "am_liam": Expected(19.7, (11.5, 20.8), -21.7, (0.24, 0.54), 0.4),
    "am_michael": Expected(16.8, (14.0, 18.8), -24.1, (0.38, 0.55), 0.44),
    "am_onyx": Expected(16.7, (11.9, 19.0), -22.7, (0.25, 0.27), 0.15),
    "am_puck": Expected(18.2, (14.4, 22.0), -18.7, (0.22, 0.47), 0.12),
    "am_santa": Expected(15.9, (12.4, 17.9), -22.4, (0.2, 0.19), 0.43),
    "bf_alice": Expected(17.9, (10.8, 19.0), -20.9, (0.26, 0.48), 0.14),
    "bf_emma": Expected(18.9, (13.5, 20.5), -20.3, (0.27, 0.71), 0.48),
    "bf_isabella": Expected(18.6, (12.8, 20.0), -17.8, (0.26, 0.71), 0.45),
    "bf_lily": Expected(18.2, (10.0, 19.2), -21.5, (0.26, 0.48), 0.33),
    "bm_daniel": Expected(18.5, (11.0, 19.9), -21.6, (0.25, 0.53), 0.34),
    "bm_fable": Expected(15.9, (9.5, 19.1), -22.0, (0.24, 0.24), 0.02),
    "bm_george": Expected(15.2, (11.5, 16.7), -21.8, (0.27, 0.51), 0.43),
    "bm_lewis": Expected(16.4, (13.3, 17.4), -23.1, (0.39, 0.57), 0.44),
    "ef_dora": Expected(17.2, (15.6, 18.1), -23.5, (0.2, 0.18), 0.11),
    "em_alex": Expected(17.0, (14.0, 18.0), -22.9, (0.2, 0.18), 0.08),
    "em_santa": Expected(16.9, (14.7, 18.2), -22.7, (0.2, 0.18), 0.07),
    "ff_siwis": Expected(18.9, (11.0, 20.2), -19.4, (0.38, 0.37), 0.19),
    "hf_alpha": Expected(13.4, (8.2, 15.0), -15.9, (0.5, 0.46), 0.25),
    "hf_beta": Expected(15.1, (8.8, 16.7), -17.6, (0.5, 0.48), 0.23),
    "hm_omega": Expected(13.1, (8.8, 14.9), -16.5, (0.51, 0.48), 0.34),
    "hm_psi": Expected(13.9, (9.5, 14.6), -18.3, (0.5, 0.49), 0.32),
    "if_sara": Expected(18.0, (11.8, 19.4), -14.3, (0.24, 0.52), 0.09),
    "im_nicola": Expected(15.8, (12.2, 16.6), -19.5, (0.22, 0.26), 0.06),
}
"""What good takes in each voice are like."""
