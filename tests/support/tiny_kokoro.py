"""A model that takes what Kokoro takes and hums: a tone of 25 ms for each token.

Its pitch depends on the tokens and on the voice, so that a wrong order is heard. It runs in the
real onnxruntime and is a few hundred bytes long.
"""

from hashlib import sha256
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tts_tasks.engines.kokoro import STYLE_SHAPE
from tts_tasks.engines.models import Model, ModelFile

SAMPLES_PER_TOKEN = 600


def write_tiny_kokoro(models: Path, voices=("pf_dora", "pm_alex", "af_heart")) -> Model:
    """Write the model and its voices below ``models``, and return its description."""
    folder = models / "kokoro"
    (folder / "voices").mkdir(parents=True)
    (folder / "model.onnx").write_bytes(_graph().SerializeToString())
    for number, voice in enumerate(voices, start=1):
        np.full(STYLE_SHAPE, number, dtype=np.float32).tofile(folder / "voices" / f"{voice}.bin")
    files = [folder / "model.onnx", *sorted(folder.glob("voices/*.bin"))]
    return Model(
        name="kokoro",
        title="a hum",
        licence="Apache-2.0",
        files=tuple(
            ModelFile(
                path=file.relative_to(folder).as_posix(),
                size_bytes=file.stat().st_size,
                sha256=sha256(file.read_bytes()).hexdigest(),
            )
            for file in files
        ),
    )


def _graph() -> onnx.ModelProto:
    """Return audio = 0.3 sin(i (sum(tokens) + style[0]) / 10,000), i < 600 n_tokens / speed."""

    def constant(name, value, dtype):
        return numpy_helper.from_array(np.array(value, dtype=dtype), name)

    nodes = [
        helper.make_node("Size", ["tokens"], ["n"]),
        helper.make_node("Cast", ["n"], ["n_float"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["n_float", "samples_per_token"], ["natural"]),
        helper.make_node("ReduceSum", ["speed"], ["pace"], keepdims=0),
        helper.make_node("Div", ["natural", "pace"], ["length"]),
        helper.make_node("Range", ["zero", "length", "one"], ["index"]),
        helper.make_node("ReduceSum", ["tokens"], ["sum"], keepdims=0),
        helper.make_node("Cast", ["sum"], ["sum_float"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["style"], ["timbre"], keepdims=0),
        helper.make_node("Add", ["sum_float", "timbre"], ["pitch"]),
        helper.make_node("Div", ["pitch", "slowness"], ["step"]),
        helper.make_node("Mul", ["index", "step"], ["phase"]),
        helper.make_node("Sin", ["phase"], ["wave"]),
        helper.make_node("Mul", ["wave", "level"], ["audio"]),
    ]
    graph = helper.make_graph(
        nodes,
        "hum",
        [
            helper.make_tensor_value_info("tokens", TensorProto.INT64, [1, "n"]),
            helper.make_tensor_value_info("style", TensorProto.FLOAT, [1, 256]),
            helper.make_tensor_value_info("speed", TensorProto.FLOAT, [1]),
        ],
        [helper.make_tensor_value_info("audio", TensorProto.FLOAT, ["samples"])],
        [
            constant("samples_per_token", SAMPLES_PER_TOKEN, np.float32),
            constant("zero", 0, np.float32),
            constant("one", 1, np.float32),
            constant("slowness", 10_000, np.float32),
            constant("level", 0.3, np.float32),
        ],
    )
    opsets = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)
