"""Reads docker-compose.yml and docker/Dockerfile into plain data, for scripts/check-docker."""

import json
import re
import shlex
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]


def substitute(text, values):
    """Replaces ${NAME}, ${NAME:-default} and $NAME; a name without value or default becomes empty."""

    def one(match):
        name = match["name"] or match["bare"]
        return values.get(name) or match["default"] or ""

    return re.sub(r"\$(?:\{(?P<name>\w+)(?::-(?P<default>[^}]*))?\}|(?P<bare>\w+))", one, text)


class Stage:
    """One stage of a Dockerfile, with what it inherits from the stage that it is built on."""

    def __init__(self, name, base, parent):
        self.name, self.base, self.parent = name, base, parent
        self.args = {}
        self.env = dict(parent.env) if parent else {}
        self.user = parent.user if parent else "root"
        self.workdir = parent.workdir if parent else "/"
        self.entrypoint = list(parent.entrypoint) if parent else []
        self.command = list(parent.command) if parent else []
        self.health = list(parent.health) if parent else []
        self.exposed = set(parent.exposed) if parent else set()
        self.packages = set(parent.packages) if parent else set()
        # Path in the image -> (where from: a stage's name or None for the repository, path there).
        self.files = dict(parent.files) if parent else {}
        # Path in the image -> mode, of folders that belong to the image's user.
        self.folders = dict(parent.folders) if parent else {}
        self.runs = []


class Dockerfile:
    """The stages of docker/Dockerfile, by name and in order."""

    def __init__(self, path=ROOT / "docker/Dockerfile"):
        self.path = path
        self.stages = {}
        for keyword, rest in instructions(path.read_text()):
            self.add(keyword, rest)

    def add(self, keyword, rest):
        if keyword == "FROM":
            base, _, name = re.fullmatch(r"(\S+)(\s+AS\s+(\S+))?", rest, re.I).groups()
            name = name or str(len(self.stages))
            self.stage = self.stages[name] = Stage(name, base, self.stages.get(base))
            return
        stage = self.stage
        if keyword == "ARG":
            name, _, default = rest.partition("=")
            stage.args[name] = default
        elif keyword == "ENV":
            for pair in shlex.split(rest):
                name, _, value = pair.partition("=")
                stage.env[name] = value
        elif keyword == "RUN":
            stage.runs.append(rest)
            stage.packages |= set(packages(rest))
            stage.folders.update(folders(rest))
        elif keyword == "COPY":
            self.copy(stage, shlex.split(rest))
        elif keyword == "USER":
            stage.user = substitute(rest, stage.args | self.inherited_args(stage))
        elif keyword == "WORKDIR":
            stage.workdir = rest
        elif keyword == "EXPOSE":
            stage.exposed |= {int(port) for port in rest.split()}
        elif keyword == "ENTRYPOINT":
            stage.entrypoint, stage.command = json.loads(rest), []
        elif keyword == "CMD":
            stage.command = json.loads(rest)
        elif keyword == "HEALTHCHECK":
            stage.health = json.loads(rest.partition("CMD")[2])
        elif keyword != "STOPSIGNAL":
            raise SystemExit(f"{self.path}: {keyword} is not read by scripts/check-docker")

    def inherited_args(self, stage):
        found = {}
        while stage := stage.parent:
            found = stage.args | found
        return found

    def copy(self, stage, words):
        source_stage = None
        while words[0].startswith("--"):
            option, _, value = words.pop(0)[2:].partition("=")
            if option == "from":
                source_stage = value
        *sources, target = words
        for source in sources:
            into_folder = target.endswith("/") or len(sources) > 1
            whole_folder = source.endswith("/") or (ROOT / source).is_dir()
            path = f"{target.rstrip('/')}/{Path(source).name}" if into_folder and not whole_folder else target
            stage.files[str(Path(stage.workdir) / path)] = (source_stage, source)


def instructions(text):
    """Pairs of keyword and rest; continued lines joined, comments left out."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    for line in joined.splitlines():
        keyword, _, rest = line.strip().partition(" ")
        yield keyword.upper(), rest.strip()


def packages(command):
    """Debian packages that a RUN installs."""
    for match in re.finditer(r"apt-get install([^&;]*)", command):
        yield from (word for word in match[1].split() if not word.startswith("-"))


def folders(command):
    """Folders that a RUN makes for the image's user, with their modes; of a loop, all of them."""
    loop = re.search(r"for (\w+) in ([^;]*);", command)
    for match in re.finditer(r"install --directory --owner=lemma --group=lemma --mode=(\d+)([^&;]*)", command):
        for path in shlex.split(match[2]):
            names = loop[2].split() if loop else [""]
            for name in names:
                yield substitute(path, {loop[1]: name} if loop else {}), int(match[1], 8)


class Mount:
    """A volume or a file of the repository in a container."""

    def __init__(self, text):
        source, target, *mode = text.split(":")
        self.target, self.read_only = target, mode == ["ro"]
        self.bind = source.startswith(".")
        self.source = source


class Service:
    """A service of docker-compose.yml with what it takes from its image."""

    def __init__(self, name, data, dockerfile):
        self.name, self.data = name, data
        self.image = data["image"]
        build = data.get("build") or {}
        self.stage = dockerfile.stages.get(build.get("target"))
        stage = self.stage
        self.entrypoint = data.get("entrypoint") or (stage.entrypoint if stage else [])
        own_entrypoint = "entrypoint" in data
        self.command = data.get("command") or ([] if own_entrypoint or not stage else stage.command)
        self.environment = {
            **(stage.env if stage else {}),
            **{name: str(value) for name, value in (data.get("environment") or {}).items()},
        }
        self.health = (data.get("healthcheck") or {}).get("test", ["CMD", *stage.health] if stage and stage.health else [])
        self.mounts = [Mount(text) for text in data.get("volumes") or []]
        self.networks = [] if data.get("network_mode") == "none" else list(data.get("networks") or ["default"])
        self.profiles = data.get("profiles") or []
        self.depends_on = {on: how["condition"] for on, how in (data.get("depends_on") or {}).items()}
        self.one_shot = data.get("restart") == "no" or not data.get("restart")

    @property
    def words(self):
        return [*self.entrypoint, *self.command]

    def port_flags(self):
        """Ports on which the command line or the environment lets the service listen."""
        ports = set()
        for word in self.words:
            if match := re.fullmatch(r"--(?:rpc|prometheus)-port=(\d+)", word):
                ports.add(int(match[1]))
            elif match := re.fullmatch(r"--listen-addr=/ip4/[\d.]+/tcp/(\d+)", word):
                ports.add(int(match[1]))
        if match := re.fullmatch(r"[\d.]+:(\d+)", self.environment.get("LEMMA_METRICS", "")):
            ports.add(int(match[1]))
        return ports


class Compose:
    """docker-compose.yml, with the variables' defaults."""

    def __init__(self, dockerfile, path=ROOT / "docker-compose.yml"):
        self.text = path.read_text()
        self.variables = set(re.findall(r"\$\{(\w+)", self.text))
        self.data = yaml.safe_load(substitute(self.text.replace("$$", "\0"), {}).replace("\0", "$"))
        self.services = {
            name: Service(name, data, dockerfile) for name, data in self.data["services"].items()
        }
        self.volumes = set(self.data.get("volumes") or {})
        self.networks = dict(self.data.get("networks") or {})

    def names_seen_by(self, service):
        """Services that this one can reach, by their names."""
        return {
            other.name
            for other in self.services.values()
            if set(other.networks) & set(service.networks)
        }


def seconds(text):
    """A duration such as 150s or 2m, in seconds."""
    return sum(int(n) * {"s": 1, "m": 60, "h": 3600}[unit] for n, unit in re.findall(r"(\d+)([smh])", str(text)))
