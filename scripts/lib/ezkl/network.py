"""The network by which Lemma and EZKL are compared: 784-128-10 with a Relu, trained on the handwritten digits.

network.py FOLDER writes

- net.onnx: two Gemms with a Relu between them; the number of samples is the dimension `batch_size`
- train.npy, held_out.npy: images, float32, 784 values from 0 to 1 each; held_out_labels.npy: their labels, uint8

The digits of examples/digits have 8x8 pixels; they are enlarged to 28x28. Prints the accuracy as JSON. Needs NumPy and onnx.
The same machine yields the same network; what it costs to prove does not depend on the weights.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

DIGITS = Path(__file__).resolve().parents[3] / "examples" / "digits"
WIDTHS = (784, 128, 10)
EPOCHS = 10
BATCH = 32
RATE = 0.001


def images():
    """28x28 pixels each, between those of the 8x8 by linear interpolation."""
    small = np.load(DIGITS / "digits_images_i8.npy").astype(np.float64).reshape(-1, 8, 8) / 16
    side = np.linspace(0, 7, 28)
    between = np.maximum(0, 1 - np.abs(side[:, None] - np.arange(8)))
    return (between @ small @ between.T).reshape(-1, 784)


def scores(parameters, x):
    w1, b1, w2, b2 = parameters
    hidden = np.maximum(x @ w1.T + b1, 0)
    return hidden, hidden @ w2.T + b2


def train(rng, x, labels):
    """Adam on the cross-entropy."""
    inputs, hidden, outputs = WIDTHS
    parameters = [
        rng.normal(0, np.sqrt(2 / inputs), (hidden, inputs)),
        np.zeros(hidden),
        rng.normal(0, np.sqrt(1 / hidden), (outputs, hidden)),
        np.zeros(outputs),
    ]
    first, second = ([np.zeros_like(p) for p in parameters] for _ in range(2))
    step = 0
    for _ in range(EPOCHS):
        order = rng.permutation(len(x))
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            activation, y = scores(parameters, x[rows])
            delta = np.exp(y - y.max(1, keepdims=True))
            delta /= delta.sum(1, keepdims=True)
            delta[np.arange(len(rows)), labels[rows]] -= 1
            delta /= len(rows)
            back = (delta @ parameters[2]) * (activation > 0)
            step += 1
            gradients = [back.T @ x[rows], back.sum(0), delta.T @ activation, delta.sum(0)]
            for p, g, m, s in zip(parameters, gradients, first, second):
                m += 0.1 * (g - m)
                s += 0.001 * (g * g - s)
                p -= RATE * (m / (1 - 0.9**step)) / (np.sqrt(s / (1 - 0.999**step)) + 1e-8)
    return parameters


def to_onnx(parameters):
    names = ("hidden.weight", "hidden.bias", "scores.weight", "scores.bias")
    tensors = [numpy_helper.from_array(p.astype(np.float32), name) for p, name in zip(parameters, names)]
    graph = helper.make_graph(
        [
            helper.make_node("Gemm", ["pixels", *names[:2]], ["hidden"], name="hidden", transB=1),
            helper.make_node("Relu", ["hidden"], ["relu"], name="relu"),
            helper.make_node("Gemm", ["relu", *names[2:]], ["scores"], name="scores", transB=1),
        ],
        "mlp",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["batch_size", WIDTHS[0]])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch_size", WIDTHS[-1]])],
        tensors,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__.strip())
    folder = Path(sys.argv[1])
    x, labels = images(), np.load(DIGITS / "digits_labels_u8.npy")
    held_out = np.load(DIGITS / "digits_test_index.npy")
    learnt = np.setdiff1d(np.arange(len(x)), held_out)
    parameters = train(np.random.default_rng(1), x[learnt], labels[learnt])
    right = int((scores(parameters, x[held_out])[1].argmax(1) == labels[held_out]).sum())
    onnx.save(to_onnx(parameters), folder / "net.onnx")
    np.save(folder / "train.npy", x[learnt].astype(np.float32))
    np.save(folder / "held_out.npy", x[held_out].astype(np.float32))
    np.save(folder / "held_out_labels.npy", labels[held_out])
    print(json.dumps({"right": right, "held_out": len(held_out)}))


if __name__ == "__main__":
    main()
