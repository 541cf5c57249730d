#!/usr/bin/env python3
"""Trains a small convolutional network on the handwritten digits and writes it as ONNX.

    train_cnn.py [OUT.onnx]

Without a path it writes digits_cnn_float.onnx beside itself. Needs `pip install onnx==1.19.1`, which brings NumPy.
It learns from the rows that digits_test_index.npy does not hold out, and prints the accuracy on those that it does.

The network takes the raw values 0..16 of n images, shape (n, 64):

    Reshape 1x8x8, Conv 8 of 3x3, BatchNormalization, Relu, MaxPool 2x2,
    Conv 16 of 3x3, BatchNormalization, Relu, AveragePool 2x2, Flatten, Gemm to ten scores
"""
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = Path(__file__).resolve().parent
CHANNELS = (8, 16)
EPOCHS = 40
BATCH = 32
RATE = 0.004
MOMENTUM = 0.9
EPSILON = 1e-5


class Conv:
    """A 3x3 convolution with padding 1, without a bias: a BatchNormalization follows."""

    def __init__(self, rng, inputs, outputs):
        self.weight = rng.normal(0, np.sqrt(2 / (9 * inputs)), (outputs, inputs * 9))
        self.parameters = [self.weight]

    def forward(self, x, training):
        n, c, h, w = x.shape
        self.shape = x.shape
        padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (2, 3))
        self.columns = windows.transpose(0, 2, 3, 1, 4, 5).reshape(n * h * w, c * 9)
        return (self.columns @ self.weight.T).reshape(n, h, w, -1).transpose(0, 3, 1, 2)

    def backward(self, delta):
        n, c, h, w = self.shape
        delta = delta.transpose(0, 2, 3, 1).reshape(n * h * w, -1)
        self.gradients = [delta.T @ self.columns]
        columns = (delta @ self.weight).reshape(n, h, w, c, 3, 3)
        padded = np.zeros((n, c, h + 2, w + 2))
        for i in range(3):
            for j in range(3):
                padded[:, :, i : i + h, j : j + w] += columns[..., i, j].transpose(0, 3, 1, 2)
        return padded[:, :, 1:-1, 1:-1]


class BatchNorm:
    """Normalises each channel by the batch while training, by the running statistics afterwards."""

    def __init__(self, channels):
        self.scale, self.shift = np.ones(channels), np.zeros(channels)
        self.mean, self.variance = np.zeros(channels), np.ones(channels)
        self.parameters = [self.scale, self.shift]

    def forward(self, x, training):
        if training:
            mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3))
            self.mean += (1 - MOMENTUM) * (mean - self.mean)
            self.variance += (1 - MOMENTUM) * (variance - self.variance)
        else:
            mean, variance = self.mean, self.variance
        self.deviation = np.sqrt(variance + EPSILON)
        self.normal = (x - each(mean)) / each(self.deviation)
        return self.normal * each(self.scale) + each(self.shift)

    def backward(self, delta):
        self.gradients = [(delta * self.normal).sum((0, 2, 3)), delta.sum((0, 2, 3))]
        delta = delta * each(self.scale)
        centred = delta - each(delta.mean((0, 2, 3)))
        along = self.normal * each((delta * self.normal).mean((0, 2, 3)))
        return (centred - along) / each(self.deviation)


class Relu:
    parameters = gradients = ()

    def forward(self, x, training):
        self.positive = x > 0
        return x * self.positive

    def backward(self, delta):
        return delta * self.positive


class Pool:
    """Windows of 2x2, side by side: their largest value, or their average."""

    parameters = gradients = ()

    def __init__(self, largest):
        self.largest = largest

    def forward(self, x, training):
        n, c, h, w = x.shape
        self.windows = x.reshape(n, c, h // 2, 2, w // 2, 2)
        self.out = self.windows.max((3, 5)) if self.largest else self.windows.mean((3, 5))
        return self.out

    def backward(self, delta):
        spread = delta[:, :, :, None, :, None]
        if self.largest:
            at = self.windows == self.out[:, :, :, None, :, None]
            spread = spread * at / at.sum((3, 5), keepdims=True)
        else:
            spread = np.broadcast_to(spread / 4, self.windows.shape)
        n, c, h, _, w, _ = self.windows.shape
        return spread.reshape(n, c, h * 2, w * 2)


class Linear:
    """Flattens, multiplies by a matrix, adds a bias."""

    def __init__(self, rng, inputs, outputs):
        self.weight = rng.normal(0, np.sqrt(1 / inputs), (outputs, inputs))
        self.bias = np.zeros(outputs)
        self.parameters = [self.weight, self.bias]

    def forward(self, x, training):
        self.shape, self.x = x.shape, x.reshape(len(x), -1)
        return self.x @ self.weight.T + self.bias

    def backward(self, delta):
        self.gradients = [delta.T @ self.x, delta.sum(0)]
        return (delta @ self.weight).reshape(self.shape)


def each(channels):
    """One value a channel, against images."""
    return channels[:, None, None]


def network(rng):
    first, second = CHANNELS
    layers = [Conv(rng, 1, first), BatchNorm(first), Relu(), Pool(True)]
    layers += [Conv(rng, first, second), BatchNorm(second), Relu(), Pool(False)]
    return layers + [Linear(rng, second * 4, 10)]


def scores(layers, images, training=False):
    x = images.reshape(-1, 1, 8, 8)
    for layer in layers:
        x = layer.forward(x, training)
    return x


def train(layers, rng, images, labels):
    """Adam on the cross-entropy."""
    parameters = [p for layer in layers for p in layer.parameters]
    first = [np.zeros_like(p) for p in parameters]
    second = [np.zeros_like(p) for p in parameters]
    step = 0
    for epoch in range(EPOCHS):
        rate = RATE * (1 - epoch / EPOCHS)
        order = rng.permutation(len(images))
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            x = scores(layers, images[rows], training=True)
            x = np.exp(x - x.max(1, keepdims=True))
            delta = x / x.sum(1, keepdims=True)
            delta[np.arange(len(rows)), labels[rows]] -= 1
            delta /= len(rows)
            for layer in reversed(layers):
                delta = layer.backward(delta)
            step += 1
            gradients = [g for layer in layers for g in layer.gradients]
            for p, g, m, s in zip(parameters, gradients, first, second):
                m += 0.1 * (g - m)
                s += 0.001 * (g * g - s)
                p -= rate * (m / (1 - 0.9**step)) / (np.sqrt(s / (1 - 0.999**step)) + 1e-8)


def to_onnx(layers):
    tensors, nodes = [], []

    def tensor(name, values, dtype=np.float32):
        tensors.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def node(kind, name, inputs, **attributes):
        nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def block(number, x, conv, norm, pool):
        inputs = conv.weight.shape[1] // 9
        weight = tensor(f"conv{number}.weight", conv.weight.reshape(-1, inputs, 3, 3))
        x = node("Conv", f"conv{number}", [x, weight], kernel_shape=[3, 3], pads=[1] * 4)
        values = {"scale": norm.scale, "shift": norm.shift, "mean": norm.mean, "variance": norm.variance}
        values = [tensor(f"norm{number}.{name}", value) for name, value in values.items()]
        x = node("BatchNormalization", f"norm{number}", [x, *values], epsilon=EPSILON)
        x = node("Relu", f"relu{number}", [x])
        kind = "MaxPool" if pool.largest else "AveragePool"
        return node(kind, f"pool{number}", [x], kernel_shape=[2, 2], strides=[2, 2])

    conv1, norm1, _, pool1, conv2, norm2, _, pool2, linear = layers
    x = node("Reshape", "image", ["pixels", tensor("image.shape", [-1, 1, 8, 8], np.int64)])
    x = block(1, x, conv1, norm1, pool1)
    x = block(2, x, conv2, norm2, pool2)
    x = node("Flatten", "flat", [x])
    matrix = [tensor("linear.weight", linear.weight), tensor("linear.bias", linear.bias)]
    node("Gemm", "scores", [x, *matrix], transB=1)
    graph = helper.make_graph(
        nodes,
        "digits",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 64])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 10])],
        tensors,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


def main():
    if len(sys.argv) > 2 or sys.argv[1:2] in (["-h"], ["--help"]):
        sys.exit(__doc__.strip())
    out = Path(sys.argv[1]) if len(sys.argv) == 2 else HERE / "digits_cnn_float.onnx"
    images = np.load(HERE / "digits_images_i8.npy").astype(np.float64)
    labels = np.load(HERE / "digits_labels_u8.npy")
    held_out = np.load(HERE / "digits_test_index.npy")
    learnt = np.setdiff1d(np.arange(len(images)), held_out)
    rng = np.random.default_rng(1)
    layers = network(rng)
    train(layers, rng, images[learnt], labels[learnt])
    right = (scores(layers, images[held_out]).argmax(1) == labels[held_out]).sum()
    onnx.save(to_onnx(layers), out)
    print(f"{out.name}: {right} of {len(held_out)} held-out digits are read right: {right / len(held_out):.1%}")


if __name__ == "__main__":
    main()
