"""One stage of EZKL in a process of its own, so that its peak of memory is its own.

stage.py STAGE FOLDER [name=value ...] works in FOLDER and writes what it took to STAGE.json there. Stages, in order:

- settle: settings, calibrated, and the compiled circuit; of network.onnx by calibration.json. Values: batch, input
- srs: the structured reference string. Values: source (download, or local to make it here, as is also done if there is no
  download), kept (folder for it)
- setup: verification and proving key
- prove: witness of input.json, and its proof
- verify: the proof, several times
"""

import asyncio
import json
import os
import re
import statistics
import sys
import time
from pathlib import Path

import ezkl

DOWNLOAD_SECONDS = 120
VERIFICATIONS = 15


def settle(batch, input):
    arguments = ezkl.PyRunArgs()
    arguments.input_visibility = input
    arguments.param_visibility = "fixed"
    arguments.output_visibility = "public"
    arguments.variables = [("batch_size", int(batch))]
    done(ezkl.gen_settings("network.onnx", "settings.json", py_run_args=arguments), "gen_settings")
    done(ezkl.calibrate_settings("calibration.json", "network.onnx", "settings.json", "resources"), "calibrate_settings")
    done(ezkl.compile_circuit("network.onnx", "network.ezkl", "settings.json"), "compile_circuit")
    settings = json.loads(Path("settings.json").read_text())
    run = settings["run_args"]
    taken = {name: run[name] for name in ("input_scale", "param_scale", "logrows", "num_inner_cols")}
    return {**taken, "used_rows": settings["num_rows"]}


def srs(source, kept):
    """Keeps what it got in the folder `kept`, under a name that says whence it is."""
    rows = json.loads(Path("settings.json").read_text())["run_args"]["logrows"]
    why = "as asked for"
    if source == "download":
        try:
            return use(Path(kept), "download", rows, lambda file: asyncio.run(download(file, rows)), why)
        except (KeyboardInterrupt, SystemExit):
            raise
        # EZKL's panics are no Exceptions.
        except BaseException as error:
            why = f"it could not be downloaded: {(str(error) or type(error).__name__).splitlines()[0]}"
    return use(Path(kept), "local", rows, lambda file: ezkl.gen_srs(str(file), rows), why)


def use(kept, source, rows, get, why):
    file = kept / f"{source}-{rows}.srs"
    if not file.exists():
        part = file.with_suffix(".part")
        part.unlink(missing_ok=True)
        get(part)
        part.rename(file)
    link = Path("kzg.srs")
    link.unlink(missing_ok=True)
    link.symlink_to(file)
    return {"source": source, "why": why, "bytes": file.stat().st_size}


async def download(file, rows):
    wanted = ezkl.get_srs(settings_path="settings.json", logrows=rows, srs_path=str(file))
    done(await asyncio.wait_for(wanted, DOWNLOAD_SECONDS), "get_srs")


def setup():
    done(ezkl.setup("network.ezkl", "vk.key", "pk.key", "kzg.srs"), "setup")
    return {"pk_bytes": size("pk.key"), "vk_bytes": size("vk.key")}


def prove():
    start = time.monotonic()
    witness = ezkl.gen_witness("input.json", "network.ezkl", "witness.json", "vk.key", "kzg.srs")
    witnessed = time.monotonic() - start
    done(ezkl.prove("witness.json", "network.ezkl", "pk.key", "proof.json", "kzg.srs"), "prove")
    proof = json.loads(Path("proof.json").read_text())
    scale = json.loads(Path("settings.json").read_text())["model_output_scales"][0]
    return {
        "witness_seconds": witnessed,
        "proof_bytes": len(bytes(proof["proof"])),
        "instance_bytes": 32 * sum(len(column) for column in proof["instances"]),
        "outputs": [ezkl.felt_to_float(value, scale) for value in witness["outputs"][0]],
    }


def verify():
    milliseconds = []
    for _ in range(VERIFICATIONS):
        start = time.monotonic()
        done(ezkl.verify("proof.json", "settings.json", "vk.key", "kzg.srs"), "verify")
        milliseconds.append((time.monotonic() - start) * 1000)
    return {"verify_ms": statistics.median(milliseconds)}


STAGES = {stage.__name__: stage for stage in (settle, srs, setup, prove, verify)}


def done(result, what):
    if not result:
        sys.exit(f"EZKL's {what} did not succeed")


def size(name):
    return Path(name).stat().st_size


def peak_rss_bytes():
    status = Path("/proc/self/status").read_text()
    return 1024 * int(re.search(r"^VmHWM:\s*(\d+) kB$", status, re.MULTILINE).group(1))


def main():
    stage, folder, *values = sys.argv[1:]
    os.chdir(folder)
    start, cpu = time.monotonic(), time.process_time()
    found = STAGES[stage](**dict(value.split("=", 1) for value in values))
    found["seconds"] = time.monotonic() - start
    found["cpu_seconds"] = time.process_time() - cpu
    found["peak_rss_bytes"] = peak_rss_bytes()
    Path(f"{stage}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
