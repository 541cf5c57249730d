#!/usr/bin/env python3
"""The digits as `lemma train` takes them.

    split.py FOLDER

Writes four files into FOLDER: train_features.npy and test_features.npy, int8, shape (1297, 64) and (500, 64): the pixels
times three, 0 to 48, since 64 stands for one; train_labels.npy and test_labels.npy, uint8. The test rows are those of
digits_test_index.npy. Standard library only.
"""
import struct
import sys
from pathlib import Path

from accuracy import HERE, read_npy

PIXELS = 64
SCALE = 3


def write_npy(path, descr, shape, body):
    """Writes an .npy file as NumPy does."""
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    start = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header))
    Path(path).write_bytes(start + header.encode("latin-1") + body)


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__.strip())
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    images, _ = read_npy(HERE / "digits_images_i8.npy")
    labels, _ = read_npy(HERE / "digits_labels_u8.npy")
    test = read_npy(HERE / "digits_test_index.npy")[0]
    held_out = set(test)
    train = [row for row in range(len(labels)) if row not in held_out]
    for name, rows in (("train", train), ("test", test)):
        pixels = bytes(SCALE * pixel for row in rows for pixel in images[PIXELS * row : PIXELS * (row + 1)])
        write_npy(folder / f"{name}_features.npy", "|i1", (len(rows), PIXELS), pixels)
        write_npy(folder / f"{name}_labels.npy", "|u1", (len(rows),), bytes(labels[row] for row in rows))


if __name__ == "__main__":
    main()
