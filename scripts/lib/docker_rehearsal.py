"""Runs the network of docker-compose.yml without an engine, as near to one as the kernel's own tools come.

Every service of ours runs as docker-compose.yml and docker/Dockerfile say: its command line and environment unchanged,
as the image's user without capabilities, on a root file system that cannot be written, with its volumes, in a network
namespace of its own, where it finds the others by name only if they share one of its networks. The programs are the
release build's; the rest of the root file system is this machine's /usr rather than Debian's slim image.

Runs as root in fresh mount, network and process namespaces (scripts/check-docker makes them), with which everything
disappears.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import yaml

from docker_files import ROOT, Compose, Dockerfile, seconds

# Services whose images are not ours.
FOREIGN = {"prometheus", "grafana"}
PRODUCT = "/usr/share/lemma/digits"


def run(*command, **options):
    return subprocess.run([str(word) for word in command], check=True, **options)


BEGAN = time.monotonic()


def say(text):
    print(f"    {time.monotonic() - BEGAN:4.0f} s  {text}", file=sys.stderr, flush=True)


class Container:
    """One service's root file system and network namespace."""

    def __init__(self, rehearsal, service):
        self.rehearsal, self.service = rehearsal, service
        self.root = rehearsal.work / "roots" / service.name
        stage = service.stage
        self.uid = int(stage.user.split(":")[0]) if stage else 65534
        self.environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", **service.environment}
        self.process = None

    def build(self):
        """Root file system: /usr with the image's files over it, /etc, /dev, /proc, volumes; then read-only."""
        root, stage = self.root, self.service.stage
        root.mkdir(parents=True)
        run("mount", "-t", "tmpfs", "tmpfs", root)
        image = self.rehearsal.work / "images" / self.service.name
        (image / "over").mkdir(parents=True)
        (image / "scratch").mkdir()
        for folder in ("usr", "etc", "dev", "proc", "tmp", "run"):
            (root / folder).mkdir()
        run("mount", "-t", "overlay", "overlay", "-o", f"lowerdir=/usr,upperdir={image}/over,workdir={image}/scratch", root / "usr")
        shutil.rmtree(root / "usr/local/bin", ignore_errors=True)
        for link in ("bin", "sbin", "lib", "lib64"):
            (root / link).symlink_to(f"usr/{link}")
        for path, (source_stage, source) in (stage.files if stage else {}).items():
            found = self.rehearsal.file(source_stage, source)
            if found:
                target = root / path.lstrip("/")
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copytree(found, target) if found.is_dir() else shutil.copy2(found, target)
                if target.parent.name == "bin":
                    target.chmod(0o755)
        for folder, mode in (stage.folders if stage else {}).items():
            own(root / folder.lstrip("/"), self.uid, mode)
        self.write_etc()
        for device in ("null", "zero", "full", "random", "urandom"):
            (root / "dev" / device).touch()
            run("mount", "--bind", f"/dev/{device}", root / "dev" / device)
        run("mount", "-t", "proc", "proc", root / "proc")
        for text in self.service.data.get("tmpfs", []):
            target, _, options = text.partition(":")
            run("mount", "-t", "tmpfs", "-o", options or "rw", "tmpfs", root / target.lstrip("/"))
        for mount in self.service.mounts:
            if not mount.bind and stage:
                self.mount_volume(mount)
        run("mount", "-o", "remount,bind,ro", root / "usr")
        run("mount", "-o", "remount,ro", root)

    def write_etc(self):
        etc = self.root / "etc"
        for name in ("ld.so.cache", "ssl", "ca-certificates"):
            source = Path("/etc") / name
            if source.is_dir():
                shutil.copytree(source, etc / name, symlinks=True, ignore_dangling_symlinks=True)
            elif source.exists():
                shutil.copy2(source, etc / name)
        (etc / "passwd").write_text(f"root:x:0:0::/root:/bin/sh\nlemma:x:{self.uid}:{self.uid}::/data:/usr/sbin/nologin\n")
        (etc / "group").write_text(f"root:x:0:\nlemma:x:{self.uid}:\n")
        (etc / "nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files\n")
        (etc / "resolv.conf").write_text("nameserver 127.0.0.11\noptions timeout:1 attempts:1\n")
        lines = ["127.0.0.1 localhost"]
        for network in self.service.networks:
            for other, address in self.rehearsal.addresses[network].items():
                lines.append(f"{address} {other}")
        (etc / "hosts").write_text("\n".join(lines) + "\n")

    def mount_volume(self, mount):
        """A new volume takes owner and mode of the folder that it is mounted on, as an engine does it."""
        volume = self.rehearsal.work / "volumes" / mount.source
        target = self.root / mount.target.lstrip("/")
        if not volume.exists():
            volume.mkdir(parents=True)
            if target.exists():
                about = target.stat()
                os.chown(volume, about.st_uid, about.st_gid)
                volume.chmod(about.st_mode & 0o777)
        target.mkdir(parents=True, exist_ok=True)
        run("mount", "--bind", volume, target)
        if mount.read_only:
            run("mount", "-o", "remount,bind,ro", target)

    def command(self, words):
        """`words` as they run inside."""
        inside = ["chroot", self.root, "setpriv", f"--reuid={self.uid}", f"--regid={self.uid}", "--clear-groups"]
        inside += ["--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"]
        workdir = self.service.stage.workdir if self.service.stage else "/"
        inside += ["env", "-i", f"--chdir={workdir}", *(f"{name}={value}" for name, value in self.environment.items())]
        return ["nsenter", f"--net=/run/netns/{self.service.name}", "--", *map(str, inside), *words]

    def start(self):
        self.log = (self.rehearsal.work / f"{self.service.name}.log").open("w")
        self.process = subprocess.Popen(self.command(self.service.words), stdout=self.log, stderr=subprocess.STDOUT)

    def call(self, words, **options):
        return subprocess.run(self.command(words), capture_output=True, text=True, **options)

    def healthy(self):
        return self.call(self.service.health[1:]).returncode == 0

    def end_of_log(self, lines=25):
        path = self.rehearsal.work / f"{self.service.name}.log"
        return "\n".join(path.read_text().splitlines()[-lines:]) if path.exists() else ""


def own(path, uid, mode):
    path.mkdir(parents=True, exist_ok=True)
    os.chown(path, uid, uid)
    path.chmod(mode)


class Rehearsal:
    """The network of docker-compose.yml."""

    def __init__(self, binaries, work):
        self.binaries, self.work = Path(binaries), Path(work)
        self.dockerfile = Dockerfile()
        self.compose = Compose(self.dockerfile)
        # With the profiles that need nothing special of the machine.
        self.services = {
            name: service
            for name, service in self.compose.services.items()
            if "gpu" not in service.profiles and name not in FOREIGN - {"prometheus"}
        }
        self.addresses, self.containers, self.problems = {}, {}, []

    def file(self, source_stage, source):
        """Where this machine has what the image copies, if it matters here."""
        if source_stage is None:
            return ROOT / source
        found = self.binaries / Path(source).name
        return found if found.is_file() else None

    def make_networks(self):
        run("mount", "-t", "tmpfs", "tmpfs", "/run")
        run("ip", "link", "set", "lo", "up")
        for service in self.services:
            run("ip", "netns", "add", service)
            run("ip", "-n", service, "link", "set", "lo", "up")
        for index, network in enumerate(self.compose.networks):
            bridge = f"net{index}"
            run("ip", "link", "add", bridge, "type", "bridge")
            run("ip", "link", "set", bridge, "up")
            members = [service for service in self.services.values() if network in service.networks]
            self.addresses[network] = {service.name: f"10.77.{index}.{host}" for host, service in enumerate(members, 2)}
            for host, service in enumerate(members, 2):
                outer, inner = f"v{index}-{host}", f"eth{index}"
                run("ip", "link", "add", outer, "type", "veth", "peer", "name", inner, "netns", service.name)
                run("ip", "link", "set", outer, "master", bridge, "up")
                run("ip", "-n", service.name, "address", "add", f"10.77.{index}.{host}/24", "dev", inner)
                run("ip", "-n", service.name, "link", "set", inner, "up")

    def wait(self, what, check, limit):
        until = time.monotonic() + limit
        while not check():
            if time.monotonic() > until:
                raise Failed(f"{what}: not within {limit} s")
            time.sleep(0.5)

    def start(self, name):
        """Starts a service as soon as what it depends on is so far."""
        service = self.services[name]
        for on, condition in service.depends_on.items():
            if on not in self.containers:
                self.start(on)
            other = self.containers[on]
            if condition == "service_healthy":
                self.wait(f"{on} to be healthy", other.healthy, 90)
        container = self.containers[name] = Container(self, service)
        container.build()
        container.start()
        if service.one_shot:
            if container.process.wait(timeout=120) != 0:
                raise Failed(f"{name} ended with {container.process.returncode}:\n{container.end_of_log()}")
            say(f"{name}: {container.end_of_log(1)}")

    def go(self):
        self.make_networks()
        running = [name for name, service in self.services.items() if service.stage and "tools" not in service.profiles]
        for name in running:
            if name not in self.containers:
                self.start(name)
        long_running = [self.containers[name] for name in running if not self.services[name].one_shot]
        for container in long_running:
            self.wait(f"{container.service.name} to be healthy", lambda c=container: c.healthy(), 90)
        say(f"{', '.join(c.service.name for c in long_running)}: healthy")
        self.order()
        metrics = self.scrape()
        self.again()
        self.stop(long_running)
        return metrics

    def order(self):
        """An order from the requester's service to the verified result, by way of the volume of inputs."""
        client = self.containers["cli"] = Container(self, self.services["cli"])
        client.build()
        words = ["lemma", "gemm", f"{PRODUCT}/digits_images_i8.npy", f"{PRODUCT}/digits_linear_i8.npy"]
        done = client.call([*words, "--out", "/data/scores.npy", "--max-price", "10", "--json"], timeout=300)
        if done.returncode != 0:
            raise Failed(f"the order: {done.stdout}{done.stderr}\n{self.containers['worker'].end_of_log()}")
        order = re.search(r'"order":\s*(\d+)', done.stdout)[1]
        verified = client.call(["lemma", "verify", order, "--output", "/data/scores.npy"], timeout=120)
        if verified.returncode != 0:
            raise Failed(f"the result: {verified.stdout}{verified.stderr}")
        say(f"order {order}: settled, and verified by `cli`")

    def scrape(self):
        """What Prometheus would see, from where it would be."""
        prometheus = self.containers["prometheus"] = Container(self, self.services["prometheus"])
        prometheus.build()
        config = yaml.safe_load((ROOT / "monitoring/prometheus.yml").read_text())
        texts = []
        for job in config["scrape_configs"]:
            for target in (target for static in job.get("static_configs", []) for target in static["targets"]):
                if target.startswith("localhost:"):
                    continue
                scraped = prometheus.call(["curl", "--fail", "--silent", "--show-error", f"http://{target}/metrics"])
                if scraped.returncode != 0:
                    raise Failed(f"{target} cannot be scraped: {scraped.stderr}")
                texts.append(scraped.stdout)
        # What no network joins is not reached: not by name, and not by address.
        address = self.addresses["peers"]["validator-1"]
        for host, reached in (("rpc:9944", True), ("validator-1:9615", False), (f"{address}:9615", False)):
            tried = self.containers["worker"].call(["curl", "--silent", "--max-time", "2", f"http://{host}/"])
            if (tried.returncode == 0) != reached:
                raise Failed(f"the worker {'does not reach' if reached else 'reaches'} {host}")
        say(f"{len(texts)} targets scraped from where Prometheus is")
        return "\n".join(texts)

    def again(self):
        """What runs at every start must not do its work twice."""
        chain = self.work / "volumes/chain/chain.json"
        before = chain.read_bytes()
        for name in ("genesis", "register"):
            again = self.containers[name].call(self.services[name].words, timeout=120)
            if again.returncode != 0 or chain.read_bytes() != before:
                raise Failed(f"{name} cannot run a second time: {again.stdout}{again.stderr}")
            say(f"{name}, once more: {again.stdout.strip().splitlines()[-1]}")

    def stop(self, containers):
        for container in reversed(containers):
            grace = seconds(container.service.data["stop_grace_period"])
            container.process.send_signal(signal.SIGTERM)
            began = time.monotonic()
            try:
                status = container.process.wait(timeout=grace)
            except subprocess.TimeoutExpired:
                raise Failed(f"{container.service.name} does not stop within its {grace} s") from None
            if status != 0:
                raise Failed(f"{container.service.name} ended with {status}:\n{container.end_of_log()}")
            say(f"{container.service.name}: stopped after {time.monotonic() - began:.1f} s")


class Failed(Exception):
    """The network does not do what it should."""


def main():
    binaries, work, out = sys.argv[1:]
    run("mount", "--make-rprivate", "/")
    run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", work)
    rehearsal = Rehearsal(binaries, work)
    try:
        Path(out).write_text(rehearsal.go())
    except (Failed, subprocess.SubprocessError) as problem:
        for container in rehearsal.containers.values():
            print(f"--- {container.service.name}\n{container.end_of_log()}", file=sys.stderr)
        sys.exit(f"rehearsal: {problem}")


if __name__ == "__main__":
    main()
