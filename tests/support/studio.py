"""An engine that needs a GPU, as far as anybody asks."""

from tts_tasks.engines.espeak import EspeakEngine


class StudioEngine(EspeakEngine):
    """eSpeak NG under another name."""

    name = "studio"
    naturalness = 0.95
    needs_gpu = True
