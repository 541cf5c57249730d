"""Measures Lemma and EZKL on one network: called by scripts/compare-ezkl, which says what its arguments mean.

compare.py FOLDER BIN VERIFIER_KEY KEPT --batches 1,16 --repeat N --input VISIBILITY --srs SOURCE [--json]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import textwrap
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

HERE = Path(__file__).resolve().parent
# Calibration shows EZKL as many batches, of at least so many samples together.
CALIBRATION = 4
# What EZKL proves of the input, by what it calls the input's visibility.
INPUTS = {
    "public": "the input is public",
    "private": "there is some input, of which nothing is said",
    "hashed": "the input has a Poseidon hash that is public",
}


class Failed(Exception):
    """A stage that did not succeed; the text says what to do."""


def say(text):
    print(f"==> {text}", file=sys.stderr, flush=True)


def run(command, log, **options):
    """Runs a command whose words go into a log, and gives what it printed."""
    with open(log, "ab") as errors:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=errors, **options)
    if done.returncode == 0:
        return done.stdout.decode()
    end = "\n".join(Path(log).read_text(errors="replace").strip().splitlines()[-8:])
    if done.returncode == -9:
        end += "\nit was killed: there is probably too little memory"
    name = " ".join(str(word) for word in command[:3])
    raise Failed(f"{name} ended with {done.returncode}; the end of {log}:\n{end}")


class Lemma:
    def __init__(self, folder, programs, batches):
        self.folder, self.programs = folder, programs
        self.bundle = folder / "net.lemma"
        start = time.monotonic()
        printed = run(
            [programs / "lemma", "model", "build", folder / "net.onnx", "--calibrate", folder / "train.npy"]
            + ["--evaluate", folder / "held_out.npy", "--labels", folder / "held_out_labels.npy"]
            + ["--batches", ",".join(map(str, batches)), "--out", self.bundle, "--json"],
            folder / "lemma.log",
        )
        self.prepare_seconds = time.monotonic() - start
        self.model = json.loads(printed)
        self.bundle_bytes = self.bundle.stat().st_size
        real = np.load(folder / "held_out.npy") / self.model["input_scale"]
        # To the nearest, halves away from zero, as docs/use/models.md has it.
        nearest = np.trunc(real + np.copysign(0.5, real))
        np.save(folder / "held_out_i8.npy", np.clip(nearest, -128, 127).astype(np.int8))

    def measure(self, batch):
        """A process that builds the circuits, proves twice and verifies."""
        printed = run(
            [self.programs / "lemma-worker", "bench", "--json", "--backend", "cpu", "--bundle", self.bundle]
            + ["--inputs", self.folder / "held_out_i8.npy", "--batch", str(batch)]
            + ["--output", self.folder / "bench.json"],
            self.folder / "lemma.log",
        )
        return json.loads(printed.strip().splitlines()[-1])


class Ezkl:
    def __init__(self, folder, batch, options):
        self.folder = folder / f"ezkl-{batch}"
        self.folder.mkdir(exist_ok=True)
        (self.folder / "network.onnx").write_bytes((folder / "net.onnx").read_bytes())
        self.samples = np.load(folder / "held_out.npy")[:batch]
        self.write("input.json", self.samples)
        shown = -(-CALIBRATION // batch) * batch
        self.write("calibration.json", np.load(folder / "train.npy")[:shown])
        self.settled = self.stage("settle", f"batch={batch}", f"input={options.input}")
        self.srs = self.stage("srs", f"source={options.srs}", f"kept={options.kept}")
        self.keys = self.stage("setup")

    def write(self, name, samples):
        (self.folder / name).write_text(json.dumps({"input_data": [samples.reshape(-1).tolist()]}))

    def stage(self, name, *values):
        run([sys.executable, HERE / "stage.py", name, self.folder, *values], self.folder / f"{name}.log")
        return json.loads((self.folder / f"{name}.json").read_text())

    def measure(self):
        proved = self.stage("prove")
        return {**proved, **{f"verifying_{key}": value for key, value in self.stage("verify").items()}}


def floating(folder, samples):
    """The network's scores in floating point."""
    weights = [numpy_helper.to_array(tensor) for tensor in onnx.load(folder / "net.onnx").graph.initializer]
    w1, b1, w2, b2 = (weight.astype(np.float64) for weight in weights)
    return np.maximum(samples @ w1.T + b1, 0) @ w2.T + b2


def median(measurements, key):
    return statistics.median(measurement[key] for measurement in measurements)


def of_lemma(lemma, measurements, batch, key_bytes):
    last = measurements[-1]
    seconds = median(measurements, "total_seconds")
    return {
        "rows_log2": last["rows_log2"],
        "prepare_seconds": lemma.prepare_seconds,
        "setup_seconds": statistics.median(m["load_seconds"] + m["build_seconds"] for m in measurements),
        "setup_peak_rss_bytes": None,
        "prove_seconds": seconds,
        "prove_seconds_all": [m["total_seconds"] for m in measurements],
        "prove_cpu_seconds": median(measurements, "cpu_seconds"),
        "seconds_per_inference": seconds / batch,
        "prove_peak_rss_bytes": max(m["peak_rss_bytes"] for m in measurements),
        "proving_key_bytes": 0,
        "bundle_bytes": lemma.bundle_bytes,
        "verification_key_bytes": key_bytes,
        "proof_bytes": last["proof_bytes"],
        "verify_ms": median(measurements, "verify_native_ms"),
        "stages": last["stages"],
    }


def of_ezkl(ezkl, measurements, batch, folder):
    last = measurements[-1]
    seconds = median(measurements, "seconds")
    scores = np.array(last["outputs"]).reshape(batch, -1)
    agreeing = int((scores.argmax(1) == floating(folder, ezkl.samples).argmax(1)).sum())
    return {
        "rows_log2": ezkl.settled["logrows"],
        "used_rows": ezkl.settled["used_rows"],
        "scales_log2": [ezkl.settled["input_scale"], ezkl.settled["param_scale"]],
        "prepare_seconds": ezkl.settled["seconds"],
        "srs": {key: ezkl.srs[key] for key in ("source", "why", "bytes", "seconds")},
        "setup_seconds": ezkl.keys["seconds"],
        "setup_peak_rss_bytes": ezkl.keys["peak_rss_bytes"],
        "prove_seconds": seconds,
        "prove_seconds_all": [m["seconds"] for m in measurements],
        "witness_seconds": median(measurements, "witness_seconds"),
        "prove_cpu_seconds": median(measurements, "cpu_seconds"),
        "seconds_per_inference": seconds / batch,
        "prove_peak_rss_bytes": max(m["peak_rss_bytes"] for m in measurements),
        "proving_key_bytes": ezkl.keys["pk_bytes"],
        "verification_key_bytes": ezkl.keys["vk_bytes"],
        "proof_bytes": last["proof_bytes"],
        "instance_bytes": last["instance_bytes"],
        "verify_ms": median(measurements, "verifying_verify_ms"),
        "same_class_as_float": agreeing,
    }


def seconds(value):
    return f"{value:.2f} s" if value < 100 else f"{value:.0f} s"


def size(value):
    return f"{value:,} B" if value < 1e6 else f"{value / 1e6:,.0f} MB"


def times(value):
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"


def milliseconds(value):
    return f"{value:.1f} ms"


ROWS = [
    ("rows of the circuit", "rows_log2", lambda value: f"2^{value}"),
    ("to set up", "setup_seconds", seconds),
    ("memory, setting up", "setup_peak_rss_bytes", size),
    ("to prove", "prove_seconds", seconds),
    ("an inference", "seconds_per_inference", seconds),
    ("processor time, proving", "prove_cpu_seconds", seconds),
    ("memory, proving", "prove_peak_rss_bytes", size),
    ("proving key", "proving_key_bytes", size),
    ("verification key", "verification_key_bytes", size),
    ("proof", "proof_bytes", size),
    ("to verify", "verify_ms", milliseconds),
]


def table(results, ezkl_version):
    lines = [("", "batch", "Lemma", f"EZKL {ezkl_version}", "EZKL / Lemma")]
    for name, key, form in ROWS:
        for batch, sides in results.items():
            lemma, ezkl = sides["lemma"].get(key), (sides["ezkl"] or {}).get(key)
            cells = [form(value) if value else "-" for value in (lemma, ezkl)]
            ratio = times(ezkl / lemma) if lemma and ezkl and key != "rows_log2" else ""
            lines.append((name, str(batch), *cells, ratio))
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    lines.insert(1, ("-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])))
    for name, *numbers in lines:
        cells = [name.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(numbers, widths[1:]))]
        print(f"| {' | '.join(cells)} |")


def notes(results, lemma, options):
    accuracy = lemma.model["accuracy"]
    yield (
        "Lemma proves: the scores are what the network makes, in integers of 8 bits, of the samples with this commitment "
        "(a Poseidon hash). The weights are constants of the program, whose id is a hash of them. Not zero-knowledge; no "
        "trusted setup."
    )
    yield (
        f"EZKL proves: the scores are what the network makes, in fixed point, and {INPUTS[options.input]}. The weights are "
        "constants of the circuit, to which the verification key commits. Zero-knowledge; rests on a trusted setup."
    )
    yield (
        f"Lemma's integers classify {accuracy['quantised_right']} of {accuracy['samples']} held-out samples right, floating "
        f"point {accuracy['float_right']}; {accuracy['agreeing']} get the same class from both."
    )
    for batch, sides in results.items():
        yield of_batch(batch, sides["ezkl"], sides["ezkl_failure"])
    prepared = [f"{seconds(s['ezkl']['prepare_seconds'])} (batch {b})" for b, s in results.items() if s["ezkl"]]
    yield (
        f"Not in the table: making integers of the network, once. Lemma {seconds(lemma.prepare_seconds)}, with the ids of all "
        f"batches; EZKL, with calibration, {', '.join(prepared) or '-'}."
    )
    yield (
        f"Lemma keeps no proving key: in the time to set up it builds its circuits from the bundle ({size(lemma.bundle_bytes)}) "
        "and holds them in memory. One process sets up and proves, so its memory is one figure. Its verification key is one for "
        "all programs; a program adds an id of 32 bytes. EZKL reads its keys from files in every call, which is in its times."
    )
    each = {batch: sides["ezkl"]["seconds_per_inference"] for batch, sides in results.items() if sides["ezkl"]}
    if len(each) > 1:
        best = min(each, key=each.get)
        for batch, sides in results.items():
            ratio = times(each[best] / sides["lemma"]["seconds_per_inference"])
            yield f"EZKL's cheapest inference, at batch {best}, takes {ratio} times as long as Lemma's at batch {batch}."
    # Neither side keeps many cores busy throughout; two it does.
    processors = min(2, len(os.sched_getaffinity(0)))
    busy = [
        f"{side} at batch {batch}"
        for batch, sides in results.items()
        for side in ("lemma", "ezkl")
        if sides[side] and sides[side]["prove_cpu_seconds"] < 0.6 * processors * sides[side]["prove_seconds"]
    ]
    if busy:
        yield (
            f"THE MACHINE HAD OTHER THINGS TO DO: little processor time for the time that it took ({', '.join(busy)}). These "
            "figures are worth little; measure again when it has not."
        )


def of_batch(batch, ezkl, failure):
    if ezkl is None:
        return f"EZKL, batch {batch}: not measured. {failure}"
    inputs, weights = ezkl["scales_log2"]
    srs = ezkl["srs"]
    return (
        f"EZKL, batch {batch}: {ezkl['used_rows']:,} rows used; scales 2^{inputs} (input) and 2^{weights} (weights); "
        f"{ezkl['same_class_as_float']} of {batch} get the class that floating point gives; {seconds(ezkl['witness_seconds'])} of "
        f"proving are the witness; {size(ezkl['instance_bytes'])} of public values beside the proof; its reference string "
        f"({size(srs['bytes'])}): {srs['source']}, {srs['why']}."
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("programs", type=Path)
    parser.add_argument("key", type=Path)
    parser.add_argument("kept", type=Path)
    parser.add_argument("--batches", required=True)
    parser.add_argument("--repeat", type=int, required=True)
    parser.add_argument("--input", choices=INPUTS, required=True)
    parser.add_argument("--srs", choices=("download", "local"), required=True)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    folder = options.folder.resolve()
    options.kept = options.kept.resolve()
    options.kept.mkdir(parents=True, exist_ok=True)
    batches = sorted({int(batch) for batch in options.batches.split(",")})

    say("Lemma: making integers of the network")
    lemma = Lemma(folder, options.programs, batches)
    results = {}
    for batch in batches:
        ezkl, failure = None, None
        try:
            say(f"batch {batch}: EZKL calibrates and sets up")
            ezkl = Ezkl(folder, batch, options)
        except Failed as error:
            failure = str(error)
        ours, theirs = [], []
        for number in range(options.repeat):
            say(f"batch {batch}, {number + 1} of {options.repeat}: Lemma")
            ours.append(lemma.measure(batch))
            if failure is None:
                say(f"batch {batch}, {number + 1} of {options.repeat}: EZKL")
                try:
                    theirs.append(ezkl.measure())
                except Failed as error:
                    failure = str(error)
        results[batch] = {
            "lemma": of_lemma(lemma, ours, batch, options.key.stat().st_size),
            "ezkl": of_ezkl(ezkl, theirs, batch, folder) if theirs else None,
            "ezkl_failure": failure,
        }
        if failure:
            say(f"batch {batch}: EZKL failed: {failure}")
        # Gigabytes, and no longer needed.
        (folder / f"ezkl-{batch}" / "pk.key").unlink(missing_ok=True)
    ezkl_version = version("ezkl")
    if options.json:
        of_all = {
            "ezkl": ezkl_version,
            "input_visibility": options.input,
            "repeat": options.repeat,
            "processors": os.cpu_count(),
            "accuracy": lemma.model["accuracy"],
            "batches": {str(batch): sides for batch, sides in results.items()},
        }
        print(json.dumps(of_all))
    else:
        table(results, ezkl_version)
        for note in notes(results, lemma, options):
            print("\n" + textwrap.fill(note, 128, break_long_words=False))
    return 0 if all(sides["ezkl"] for sides in results.values()) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as error:
        sys.exit(f"error: {error}")
