#!/usr/bin/env python3
"""Accuracy of class scores on the held-out digits.

    accuracy.py SCORES.npy [--json]

SCORES.npy: int32, shape (1797, 10), row by row the images of digits_images_i8.npy. Prints the share of held-out
rows whose largest score is at their label. Standard library only.
"""
import ast
import json
import struct
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
FORMATS = {"|i1": "b", "|u1": "B", "<i4": "i"}


def read_npy(path):
    """Values (flat, row by row) and shape of an .npy file of int8, uint8 or little-endian int32."""
    data = Path(path).read_bytes()
    if data[:6] != b"\x93NUMPY":
        sys.exit(f"{path} is no .npy file")
    if data[6] == 1:
        start, length = 10, struct.unpack_from("<H", data, 8)[0]
    else:
        start, length = 12, struct.unpack_from("<I", data, 8)[0]
    header = ast.literal_eval(data[start : start + length].decode("latin-1"))
    if header["fortran_order"] or header["descr"] not in FORMATS:
        sys.exit(f"{path}: expected row-major {', '.join(FORMATS)}, found {header}")
    body = data[start + length :]
    code = FORMATS[header["descr"]]
    return struct.unpack(f"<{len(body) // struct.calcsize(code)}{code}", body), header["shape"]


def main():
    arguments = [a for a in sys.argv[1:] if a != "--json"]
    if len(arguments) != 1:
        sys.exit(__doc__.strip())
    scores, shape = read_npy(arguments[0])
    labels, _ = read_npy(HERE / "digits_labels_u8.npy")
    held_out, _ = read_npy(HERE / "digits_test_index.npy")
    if tuple(shape) != (len(labels), 10):
        sys.exit(f"{arguments[0]}: expected scores of shape ({len(labels)}, 10), found {shape}")
    right = 0
    for row in held_out:
        ten = scores[row * 10 : row * 10 + 10]
        right += ten.index(max(ten)) == labels[row]
    accuracy = right / len(held_out)
    if "--json" in sys.argv:
        print(json.dumps({"accuracy": accuracy, "right": right, "rows": len(held_out)}))
    else:
        print(f"{right} of {len(held_out)} held-out digits are read right: {accuracy:.1%}")


if __name__ == "__main__":
    main()
