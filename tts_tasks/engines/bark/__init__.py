"""Bark: a neural voice with moods, made for a GPU.

engine        what the rest of the system sees; ``BarkEngine.from_pretrained`` for a program
source        where the model is: a folder or one of the hub, pinned; hub fetches it
voices        the presets, checked; parameters are what a narration may change
requests      what is asked for and what comes back
tail          what Bark adds behind the speech is cut off

loading       on which device, in which type
checkpoint    the model in memory, and its numbers
scheduler     one thread that owns the device, and the queue before it
pipeline      all requests through four stages: semantic, coarse, fine, codec
decoding      rows that grow a token a step, in slots (cache); CUDA graphs in graphs
transformer   a pass through the layers; their products in dense
sampling      tokens, by randomness that belongs to a request
sizes         how much is done at once, by device and memory; job is one request on its way

It needs torch, transformers and numpy, and nothing else of the system's libraries. The names below
are the package's outward interface; importing them does not import torch.
"""

from tts_tasks.engines.bark.engine import BarkEngine
from tts_tasks.engines.bark.requests import BarkRequest, BarkResult

__all__ = ["BarkEngine", "BarkRequest", "BarkResult"]
