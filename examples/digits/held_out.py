#!/usr/bin/env python3
"""The digits as they were divided for training.

    held_out.py FOLDER

Writes into FOLDER, which is made if it is not there: train.npy (1297 x 64, int8), held_out.npy (500 x 64, int8) and held_out_labels.npy (500, uint8).
Standard library only.
"""
import sys
from pathlib import Path

sys.dont_write_bytecode = True
from accuracy import HERE, read_npy  # noqa: E402: beside this file


def write_npy(path, kind, shape, data):
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"
    header += " " * (-(10 + len(header) + 1) % 64) + "\n"
    length = len(header).to_bytes(2, "little")
    path.write_bytes(b"\x93NUMPY\x01\x00" + length + header.encode() + data)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__.strip())
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    images, (count, columns) = read_npy(HERE / "digits_images_i8.npy")
    labels, _ = read_npy(HERE / "digits_labels_u8.npy")
    held_out, _ = read_npy(HERE / "digits_test_index.npy")

    def rows(which):
        return b"".join(bytes(images[row * columns : (row + 1) * columns]) for row in which)

    others = set(range(count)) - set(held_out)
    write_npy(folder / "train.npy", "|i1", (len(others), columns), rows(sorted(others)))
    write_npy(folder / "held_out.npy", "|i1", (len(held_out), columns), rows(held_out))
    write_npy(folder / "held_out_labels.npy", "|u1", (len(held_out),), bytes(labels[row] for row in held_out))


if __name__ == "__main__":
    main()
