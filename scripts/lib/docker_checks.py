"""What scripts/check-docker checks without running anything but `--help`.

Every check appends a sentence to `problems` for what is wrong; an empty list is a pass.
"""

import fnmatch
import json
import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import yaml

from docker_files import ROOT, seconds

BINARIES = ("lemma-node", "lemma-worker", "lemma")
# Of what scripts/setup installs, what only scripts and tests use.
NOT_FOR_BUILDING = {"curl", "iproute2", "jq", "python3", "python3-pip", "python3-yaml"}
# What debian:*-slim has: the scripts in docker/ may use it.
IN_DEBIAN_SLIM = {"bash", "cp", "echo", "mkdir", "mktemp", "mv", "printf", "rm", "sed", "seq", "sleep", "trap"}
PROMQL_WORDS = {"and", "by", "bool", "group_left", "group_right", "ignoring", "offset", "on", "or", "unless", "without"}


class Help:
    """What the binaries say of themselves."""

    def __init__(self, folder):
        self.folder, self.pages = Path(folder), {}

    def page(self, binary, path):
        """(subcommands, flag -> None or its value's allowed values, text) of a command."""
        key = (binary, *path)
        if key not in self.pages:
            run = subprocess.run(
                [self.folder / binary, *path, "--help"], capture_output=True, text=True, env={"COLUMNS": "200"}, check=True
            )
            self.pages[key] = (subcommands(run.stdout), flags(run.stdout), run.stdout)
        return self.pages[key]

    def problems(self, words):
        """What is wrong with a command line."""
        binary, *rest = words
        path = []
        known, options, _ = self.page(binary, path)
        while rest:
            word = rest.pop(0)
            if word == "--":
                break
            if word.startswith("-") and len(word) > 1 and not word[1:2].isdigit():
                name, equals, value = word.partition("=")
                if name not in options:
                    yield f"{' '.join([binary, *path])} has no option {name}"
                    continue
                takes, allowed, optional = options[name]
                if equals and not takes:
                    yield f"{name} of {binary} takes no value"
                if takes and not equals:
                    if not rest or rest[0].startswith("--"):
                        if not optional:
                            yield f"{name} of {binary} wants a value"
                        continue
                    value = rest.pop(0)
                if takes and allowed and not value.isupper() and "$" not in value and value not in allowed:
                    yield f"{name} of {binary} must be one of {', '.join(sorted(allowed))}, not {value}"
            elif word in known:
                path.append(word)
                known, more, _ = self.page(binary, path)
                options = options | more if binary == "lemma" else more
            elif known and not path_takes_words(self.page(binary, path)[2]):
                yield f"{' '.join([binary, *path])} has no command {word}"
        if known and "[OPTIONS]\n" not in usage(self.page(binary, path)[2]) and "--help" not in words:
            yield f"{' '.join([binary, *path])} wants a command"


def usage(text):
    return re.search(r"^Usage: (.*?)\n\n", text, re.S | re.M)[1] + "\n"


def path_takes_words(text):
    return bool(re.search(r"[\[<][A-Z_.]+[\]>]", usage(text).replace("[OPTIONS]", "").replace("<COMMAND>", "")))


def subcommands(text):
    found = re.search(r"^Commands:\n(.*?)(\n\n|\Z)", text, re.S | re.M)
    return set(re.findall(r"^  (\S+)", found[1], re.M)) if found else set()


def flags(text):
    """Flag -> (whether it takes a value, the values allowed or an empty set, whether the value may be left out)."""
    found = {}
    starts = [match.start() for match in re.finditer(r"^ {2,6}-(?:\w\b|-\w)", text, re.M)]
    for start, end in zip(starts, [*starts[1:], len(text)]):
        block = text[start:end]
        head = block.splitlines()[0].strip()
        names = re.findall(r"(?<![\w<])(--?[a-zA-Z][\w-]*)", head.split("  ")[0])
        takes = "<" in head.split("  ")[0]
        optional = "[<" in head.split("  ")[0]
        allowed = set()
        if inline := re.search(r"\[possible values: ([^\]]+)\]", block):
            allowed = {value.strip() for value in inline[1].split(",")}
        elif listed := re.search(r"Possible values:\n((?:\s+- \S.*\n?(?:\s{8,}[^-\s].*\n?)*)+)", block):
            allowed = set(re.findall(r"^\s+- ([\w-]+)(?::|$)", listed[1], re.M))
            if any(value.isupper() for value in allowed):
                allowed = set()
        for name in names:
            found[name] = (takes, allowed, optional)
    return found


def ignored(path):
    """Whether .dockerignore keeps a path of the repository out of the images' context."""
    out = False
    parts = Path(path).parts
    prefixes = ["/".join(parts[: count + 1]) for count in range(len(parts))]
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        pattern = line.lstrip("!")
        any_depth = pattern.removeprefix("**/")
        if any(
            fnmatch.fnmatchcase(prefix, pattern)
            and prefix.count("/") == pattern.count("/")
            or any_depth != pattern
            and fnmatch.fnmatchcase(Path(prefix).name, any_depth)
            for prefix in prefixes
        ):
            out = not line.startswith("!")
    return out


def tracked():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [path for path in listed.stdout.split("\0") if path and (ROOT / path).exists()]


def pinned(image):
    """Whether an image is named by an exact version."""
    name, _, tag = image.partition("@")[0].rpartition(":")
    return bool(name) and bool(re.search(r"\d+\.\d+", tag))


def check_context(problems):
    """Everything that the build needs is in the context, and nothing else of note."""
    manifest = tomllib.loads((ROOT / "Cargo.toml").read_text())
    needed = {f"{member}/Cargo.toml" for member in manifest["workspace"]["members"]}
    needed |= {"Cargo.toml", "Cargo.lock", "rust-toolchain.toml", ".cargo/config.toml", "scripts/lib/common.sh"}
    for member in manifest["workspace"]["members"]:
        for source in (path for path in (ROOT / member).rglob("*.rs") if "tests" not in path.parts):
            for included in re.findall(r'include_(?:str|bytes)!\("([^"]+)"\)', source.read_text()):
                path = (source.parent / included).resolve()
                if path.exists():
                    needed.add(str(path.relative_to(ROOT)))
    for path in sorted(needed):
        if ignored(path):
            problems.append(f".dockerignore keeps {path} out of the build, which needs it")
    for path in (".git/config", "provider.key", "docs/layout.md", "target/release/x", "node/target/x", "node/node.log"):
        if not ignored(path):
            problems.append(f".dockerignore lets {path} into the images' context")


def check_dockerfile(dockerfile, problems):
    channel = tomllib.loads((ROOT / "rust-toolchain.toml").read_text())["toolchain"]["channel"]
    setup = (ROOT / "scripts/setup").read_text()
    build_script = (ROOT / "node/build.rs").read_text()
    binaries = {name for name in BINARIES}
    for stage in dockerfile.stages.values():
        where = f"docker/Dockerfile, stage {stage.name}"
        if not stage.parent and not pinned(stage.base):
            problems.append(f"{where}: {stage.base} names no exact version")
        for target, (source_stage, source) in stage.files.items():
            if source_stage is None:
                inside = [path for path in tracked_or_new() if path == source or path.startswith(source.rstrip("/") + "/")]
                if source != "." and not inside:
                    problems.append(f"{where}: there is no {source} to copy")
                elif source != "." and all(ignored(path) for path in inside):
                    problems.append(f"{where}: .dockerignore keeps {source} out of the context")
            elif source_stage not in dockerfile.stages:
                problems.append(f"{where}: there is no stage {source_stage} to copy {source} from")
            elif not made_in(dockerfile.stages[source_stage], source):
                problems.append(f"{where}: the stage {source_stage} makes no {source}")
        if stage.health and stage.health[0] not in stage.packages:
            problems.append(f"{where}: the health check's {stage.health[0]} is not installed")
        for url in re.findall(r"https?://127\.0\.0\.1:(\d+)", " ".join(stage.health)):
            if int(url) not in stage.exposed:
                problems.append(f"{where}: the health check asks port {url}, which is not exposed")
        if stage.entrypoint:
            if re.fullmatch(r"(root|0)(:.*)?", stage.user):
                problems.append(f"{where}: runs as root")
            if f"/usr/local/bin/{stage.entrypoint[0]}" not in stage.files:
                problems.append(f"{where}: {stage.entrypoint[0]} is not in the image")
        for name in stage.env:
            if name.startswith("LEMMA_") and name.removeprefix("LEMMA_").lower() not in worker_settings():
                problems.append(f"{where}: {name} is no setting of the worker")

    builder = dockerfile.stages["builder"]
    if not builder.base.startswith(f"rust:{channel}-") or builder.env.get("RUSTUP_TOOLCHAIN") != channel:
        problems.append(f"docker/Dockerfile does not build with Rust {channel}, as rust-toolchain.toml says")
    release = builder.base.rpartition("-")[2]
    debian = {"bookworm": "12", "trixie": "13"}.get(release)
    for stage in dockerfile.stages.values():
        if stage.base.startswith("debian:") and not stage.base.startswith(f"debian:{debian}."):
            problems.append(f"docker/Dockerfile: {stage.base} has another C library than the builder, {release}")
    listed = re.search(r"^apt_install (ca-certificates(?:.*\\\n)*.*)$", setup, re.M)
    wanted = set(listed[1].replace("\\\n", " ").split()) - NOT_FOR_BUILDING
    if builder.packages != wanted:
        different = ", ".join(sorted(builder.packages ^ wanted))
        problems.append(f"docker/Dockerfile and scripts/setup disagree about what building needs: {different}")
    runs = " ".join(builder.runs)
    build = re.search(r"cargo build [^&]*", runs)
    for flag in ("--release", "--locked"):
        if flag not in build[0]:
            problems.append(f"docker/Dockerfile builds without {flag}")
    built = set(re.findall(r"-p ([\w-]+)", build[0]))
    if built != {"lemma-cli", "lemma-node", "lemma-worker"}:
        problems.append(f"docker/Dockerfile builds {', '.join(sorted(built))}, not what the images hold")
    for name in re.findall(r"/target/release/([\w-]+)(?=\s)", runs):
        if name not in binaries:
            problems.append(f"docker/Dockerfile installs {name}, which is no binary of the workspace")
    if "rustup target add wasm32v1-none" not in runs:
        problems.append("docker/Dockerfile does not install the Wasm target")
    for name in builder.args:
        if name not in build_script:
            problems.append(f"docker/Dockerfile: nothing reads the build argument {name}")
    if "SUBSTRATE_CLI_GIT_COMMIT_HASH" not in builder.args:
        problems.append("docker/Dockerfile does not hand the commit to node/build.rs")


def tracked_or_new():
    """Files of the repository, those that are not committed yet included."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [path for path in listed.stdout.split("\0") if path]


def made_in(stage, path):
    return any(Path(path).name in run and "--target-directory=/out" in run for run in stage.runs) or (
        path == "/out/" and any("--target-directory=/out" in run for run in stage.runs)
    )


def worker_settings():
    """Names of the worker's settings, as offchain-worker/src/config.rs lists them."""
    names = re.search(r"const NAMES: &\[&str\] = &\[(.*?)\];", (ROOT / "offchain-worker/src/config.rs").read_text(), re.S)
    return set(re.findall(r'"(\w+)"', names[1]))


def check_scripts(dockerfile, problems):
    """The scripts in docker/ use only what their image has, and the binaries as these say."""
    image = dockerfile.stages["cli"]
    have = IN_DEBIAN_SLIM | image.packages | {Path(path).name for path in image.files}
    for script in ("genesis", "register"):
        text = re.sub(r"^\s*#.*$", "", (ROOT / "docker" / script).read_text(), flags=re.M)
        # Programs of jq are quoted and have lines of their own.
        text = re.sub(r"'[^']*'", "''", text)
        for line in code_lines(text):
            for command in commands_of(line):
                name = command[0]
                function = re.search(rf"^{re.escape(name)}\(\)", text, re.M)
                if re.fullmatch(r"[a-z][\w-]*", name) and not function and name not in have | SHELL_WORDS:
                    problems.append(f"docker/{script}: {name} is not in the image")


SHELL_WORDS = {"break", "do", "done", "else", "exit", "fi", "for", "if", "local", "set", "shopt", "then", "umask", "status"}


def code_lines(text):
    return [line.strip() for line in text.replace("\\\n", " ").splitlines() if line.strip() and not line.strip().startswith("#")]


def commands_of(line):
    """The command lines in a line of shell, as lists of words; those in $( ) too."""
    for inner in re.findall(r"\$\(([^()]*)\)", line):
        yield from commands_of(inner)
    line = re.sub(r"\$\([^()]*\)", "X", line)
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|;&><")
    lexer.whitespace_split, lexer.commenters = True, "#"
    try:
        words = list(lexer)
    except ValueError:
        return
    command, skip = [], False
    for word in [*words, ";"]:
        if word in ("|", ";", "&&", "||", "&"):
            if command:
                yield command
            command = []
        elif set(word) <= set("<>&"):
            skip = True
        elif skip:
            skip = False
        elif command or not re.match(r"^\w+=", word):
            command.append(word)


def check_compose(dockerfile, compose, help_, problems):
    check_names(compose, problems)
    genesis = (ROOT / "docker/genesis").read_text()
    for service in compose.services.values():
        where = f"docker-compose.yml, {service.name}"
        check_hardening(service, where, problems)
        check_build(service, where, dockerfile, problems)
        check_mounts(service, where, compose, problems)
        check_command(service, where, compose, help_, problems)
        check_waiting(service, where, compose, problems)
        for mount in service.mounts:
            if mount.source.endswith(("-key", "-keys")):
                if service.name == "genesis":
                    made = Path(mount.target).name
                    if not re.search(rf"\b{re.sub('-[0-9]+$', '', made)}\b", genesis):
                        problems.append(f"{where}: docker/genesis makes no {made}")
                elif not mount.read_only:
                    problems.append(f"{where}: the keys in {mount.source} can be written")
    keys = [
        {mount.source for mount in service.mounts if mount.source.endswith(("-key", "-keys"))}
        for service in compose.services.values()
        if service.name != "genesis"
    ]
    if any(len(of_one) > 1 for of_one in keys):
        problems.append("docker-compose.yml: a service sees keys of more than one role")
    users = [source for of_one, service in zip(keys, names_but(compose, "genesis")) for source in of_one if not service.one_shot]
    for source in set(users):
        if users.count(source) > 1:
            problems.append(f"docker-compose.yml: {source} is used by two running services at once")
    for service in compose.services.values():
        if "--validator" in service.words:
            strangers = {
                name
                for name in compose.names_seen_by(service)
                if name != "prometheus" and compose.services[name].words[:1] != ["lemma-node"]
            }
            for name in strangers:
                problems.append(f"docker-compose.yml: {name} reaches the validator {service.name}")
    header = compose.text.split("\nname:")[0]
    for name in compose.variables:
        if name not in header:
            problems.append(f"docker-compose.yml: the variable {name} is not explained at the top")


def names_but(compose, name):
    return [service for service in compose.services.values() if service.name != name]


def check_names(compose, problems):
    used_volumes = {mount.source for s in compose.services.values() for mount in s.mounts if not mount.bind}
    used_networks = {network for s in compose.services.values() for network in s.networks}
    for what, used, declared in (("volume", used_volumes, compose.volumes), ("network", used_networks, set(compose.networks))):
        for name in used - declared:
            problems.append(f"docker-compose.yml: the {what} {name} is not declared")
        for name in declared - used:
            problems.append(f"docker-compose.yml: nothing uses the {what} {name}")


def check_hardening(service, where, problems):
    data = service.data
    if data.get("read_only") is not True:
        problems.append(f"{where}: the root file system can be written")
    if data.get("cap_drop") != ["ALL"] or data.get("cap_add"):
        problems.append(f"{where}: keeps capabilities")
    if "no-new-privileges:true" not in data.get("security_opt", []):
        problems.append(f"{where}: can gain privileges")
    for forbidden in ("privileged", "pid", "ipc", "userns_mode", "user"):
        if data.get(forbidden):
            problems.append(f"{where}: `{forbidden}` is set")
    if data.get("network_mode") not in (None, "none"):
        problems.append(f"{where}: shares another network")
    limits = data.get("deploy", {}).get("resources", {}).get("limits", {})
    for limit in ("cpus", "memory", "pids"):
        if limit not in limits:
            problems.append(f"{where}: `{limit}` has no limit")
    for port in data.get("ports", []):
        if not str(port).startswith("127.0.0.1:"):
            problems.append(f"{where}: the port {port} is open to other machines")
    if "max-size" not in data.get("logging", {}).get("options", {}):
        problems.append(f"{where}: its log grows without bound")
    if not service.one_shot:
        if data.get("restart") != "unless-stopped":
            problems.append(f"{where}: is not restarted")
        if not seconds(data.get("stop_grace_period", "")):
            problems.append(f"{where}: has no stop_grace_period")
        if not service.health:
            problems.append(f"{where}: has no health check")
    own_time = service.environment.get("LEMMA_SHUTDOWN_SECONDS")
    if own_time and seconds(data.get("stop_grace_period", "")) <= int(own_time):
        problems.append(f"{where}: stop_grace_period is not above LEMMA_SHUTDOWN_SECONDS")


def check_build(service, where, dockerfile, problems):
    build = service.data.get("build")
    if not build:
        if not pinned(service.image):
            problems.append(f"{where}: {service.image} names no exact version")
        return
    if not (ROOT / build["context"] / build["dockerfile"]).is_file():
        problems.append(f"{where}: there is no {build['dockerfile']}")
    if not service.stage:
        problems.append(f"{where}: docker/Dockerfile has no target {build['target']}")
        return
    known = {name for stage in dockerfile.stages.values() for name in stage.args}
    for name in build.get("args", {}):
        if name not in known:
            problems.append(f"{where}: docker/Dockerfile knows no build argument {name}")
    words = service.words
    if words and f"/usr/local/bin/{words[0]}" not in service.stage.files:
        problems.append(f"{where}: {words[0]} is not in the image {service.image}")


def check_mounts(service, where, compose, problems):
    targets = [mount.target for mount in service.mounts]
    for mount in service.mounts:
        if mount.bind:
            if not (ROOT / mount.source).exists():
                problems.append(f"{where}: there is no {mount.source}")
            if not mount.read_only:
                problems.append(f"{where}: {mount.source} can be written")
        elif service.stage and mount.target not in service.stage.folders:
            problems.append(f"{where}: {mount.target} is no folder of the image, so its volume would belong to root")
    writable = [mount.target for mount in service.mounts if not mount.read_only] + ["/tmp"]
    for word in [*service.words, *service.environment.values()]:
        path = word.partition("=")[2] or word
        if re.fullmatch(r"/(data|keys|chain|store|prometheus|etc/prometheus|var/lib/grafana[\w-]*)(/.*)?", path):
            if not any(path == target or path.startswith(target + "/") for target in targets):
                one_shot = service.one_shot and path in ("/data", "/store")
                if not one_shot:
                    problems.append(f"{where}: nothing is mounted for {path}")
    for flag in ("--base-path", "--storage.tsdb.path"):
        for word in service.words:
            if word.startswith(flag + "=") and word.partition("=")[2] not in writable:
                problems.append(f"{where}: {word} cannot be written")


def check_command(service, where, compose, help_, problems):
    words = service.words
    if words and words[0] in BINARIES:
        full = words if words[0] != "lemma" or len(words) > 1 else []
        problems += [f"{where}: {problem}" for problem in (help_.problems(full) if full else [])]
    if service.stage:
        for name in service.environment:
            if not name.startswith("LEMMA_"):
                continue
            if words[0] == "lemma-worker" and name.removeprefix("LEMMA_").lower() not in worker_settings():
                problems.append(f"{where}: {name} is no setting of the worker")
            if words[0] in ("lemma", "register") and f"[env: {name}" not in help_.page("lemma", [])[2]:
                problems.append(f"{where}: `lemma` does not read {name}")
        ports = service.port_flags()
        for port in ports - service.stage.exposed:
            problems.append(f"{where}: listens on {port}, which the image does not expose")
        for port in map(int, re.findall(r"127\.0\.0\.1:(\d+)", " ".join(service.health))):
            if port not in ports:
                problems.append(f"{where}: the health check asks port {port}, where nothing listens")
        for text in service.data.get("ports", []):
            if int(text.split(":")[-1]) not in ports:
                problems.append(f"{where}: publishes {text}, where nothing listens")
    for name, value in service.environment.items():
        if match := re.match(r"\w+://([\w-]+):(\d+)", value):
            check_reach(service, where, compose, match[1], int(match[2]), name, problems)


def check_reach(service, where, compose, host, port, why, problems):
    """That `service` can reach a port of another service by its name."""
    if host not in compose.names_seen_by(service):
        problems.append(f"{where}: {why} names {host}, which is in none of its networks")
    elif compose.services[host].stage and port not in compose.services[host].port_flags():
        problems.append(f"{where}: {why} names port {port} of {host}, where nothing listens")
    elif compose.services[host].stage and any(w == f"--rpc-port={port}" for w in compose.services[host].words):
        if "--rpc-external" not in compose.services[host].words or "--rpc-cors=all" not in compose.services[host].words:
            problems.append(f"{where}: {host} answers JSON-RPC to its own machine alone")


def check_waiting(service, where, compose, problems):
    for on, condition in service.depends_on.items():
        other = compose.services.get(on)
        if not other:
            problems.append(f"{where}: depends on {on}, which there is not")
            continue
        if condition == "service_healthy" and not other.health:
            problems.append(f"{where}: waits until {on} is healthy, which has no health check")
        if condition == "service_completed_successfully" and not other.one_shot:
            problems.append(f"{where}: waits for the end of {on}, which does not end")
        if other.profiles and not set(other.profiles) & set(service.profiles):
            problems.append(f"{where}: depends on {on}, which its profile does not start")


class Metrics:
    """Names and labels of the metrics that there are."""

    def __init__(self):
        self.names, self.labels = {"up", "ALERTS"}, {"alertname", "alertstate", "instance", "job", "le", "role"}
        self.live = False
        text = (ROOT / "offchain-worker/src/metrics.rs").read_text()
        self.worker = registered(text)
        for name, kind in self.worker.items():
            self.names |= set(written(name, kind))
        for struct in re.findall(r"EncodeLabelSet\)\]\s*(?:pub )?struct \w+ \{(.*?)\}", text, re.S):
            self.labels |= set(re.findall(r"(\w+):", struct))

    def scraped(self, text):
        """Adds what an endpoint serves."""
        self.live = True
        for line in text.splitlines():
            if match := re.match(r"([a-zA-Z_:][\w:]*)(\{(.*)\})?\s", line):
                self.names.add(match[1])
                self.labels |= set(re.findall(r'(\w+)="', match[3] or ""))

    def problems(self, expression):
        """What an expression of PromQL names that there is not."""
        used = [label for selector in re.findall(r"\{([^}]*)\}", expression) for label in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selector)]
        bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\"[^\"]*\"|'[^']*'", " ", expression)
        for grouping in re.findall(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)", bare):
            used += re.findall(r"\w+", grouping)
        # The nodes' labels are known only from a node that runs.
        yield from (f"no metric has the label {label}" for label in used if self.live and label not in self.labels)
        bare = re.sub(r"\b(?:by|without|on|ignoring)\s*\([^)]*\)", " ", bare)
        for name in re.findall(r"(?<![\w.])([a-zA-Z_:][\w:]*)(?!\w*\s*\()", bare):
            if name in PROMQL_WORDS or name in self.names:
                continue
            if name.startswith("substrate_") and not self.live:
                continue
            yield f"there is no metric {name}"


def registered(text):
    """Metrics that the worker registers: name -> kind, as offchain-worker/src/metrics.rs has them."""
    text = text.partition("#[cfg(test)]")[0]
    fields = dict(re.findall(r"^\t(\w+): (.+),$", re.search(r"struct Metrics \{(.*?)\n\}", text, re.S)[1], re.M))
    variables = dict(re.findall(r"let (\w+)\s*=\s*([^;]*?)(?:::default|::new_with_constructor|::new)\(", text))
    found = {name: fields[field] for field, name in re.findall(r'(\w+): register\(\s*r,\s*"(\w+)"', text)}
    for name, unit, variable in re.findall(r'register_with_unit\(\s*"(\w+)",\s*"[^"]*",\s*Unit::(\w+),\s*(\w+)', text):
        found[f"{name}_{unit.lower()}"] = variables[variable]
    if not len(found) == len(re.findall(r'register\w*\(\s*(?:r,\s*)?"', text)) > 10:
        raise SystemExit("scripts/check-docker no longer understands offchain-worker/src/metrics.rs")
    return {f"lemma_worker_{name}": kind for name, kind in found.items()}


def written(name, kind):
    """The names under which Prometheus sees a metric."""
    if "Histogram" in kind:
        return [name + suffix for suffix in ("_bucket", "_sum", "_count")]
    return [name + "_total"] if "Counter" in kind else [name]


def check_monitoring(compose, metrics, problems):
    prometheus = compose.services["prometheus"]
    config = yaml.safe_load((ROOT / "monitoring/prometheus.yml").read_text())
    mounted = {mount.target: mount.source for mount in prometheus.mounts}
    config_flag = next(word.partition("=")[2] for word in prometheus.words if word.startswith("--config.file="))
    if mounted.get(config_flag) != "./monitoring/prometheus.yml":
        problems.append(f"docker-compose.yml, prometheus: {config_flag} is not monitoring/prometheus.yml")
    for rules in config["rule_files"]:
        if f"{Path(config_flag).parent}/{rules}" not in mounted:
            problems.append(f"monitoring/prometheus.yml: {rules} is not mounted")
    scraped = set()
    for job in config["scrape_configs"]:
        targets = [target for static in job.get("static_configs", []) for target in static["targets"]]
        targets += [f"{name}:{dns['port']}" for dns in job.get("dns_sd_configs", []) for name in dns["names"]]
        for target in targets:
            host, _, port = target.partition(":")
            if host == "localhost":
                continue
            scraped.add(host)
            check_reach(prometheus, "monitoring/prometheus.yml", compose, host, int(port), f"the job {job['job_name']}", problems)
    for service in compose.services.values():
        if service.stage and not service.one_shot and service.name not in scraped:
            problems.append(f"monitoring/prometheus.yml: {service.name} is not scraped")

    alerts = yaml.safe_load((ROOT / "monitoring/alerts.yml").read_text())
    rules = [rule for group in alerts["groups"] for rule in group["rules"]]
    tests = (ROOT / "monitoring/alerts.test.yml").read_text()
    explained = (ROOT / "docs/operate/metrics-and-logs.md").read_text()
    for rule in rules:
        where = f"monitoring/alerts.yml, {rule['alert']}"
        problems += [f"{where}: {problem}" for problem in metrics.problems(rule["expr"])]
        if f'alertname="{rule["alert"]}"' not in tests:
            problems.append(f"{where}: monitoring/alerts.test.yml does not test it")
        if f"`{rule['alert']}`" not in explained:
            problems.append(f"{where}: docs/operate/metrics-and-logs.md does not explain it")
        for label in re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]):
            if label not in metrics.labels and metrics.live:
                problems.append(f"{where}: no metric has the label {label}")
    check_grafana(compose, metrics, problems)


def check_grafana(compose, metrics, problems):
    grafana = compose.services["grafana"]
    folder = ROOT / "monitoring/grafana"
    sources = yaml.safe_load((folder / "provisioning/datasources/prometheus.yml").read_text())["datasources"]
    uids = {source["uid"] for source in sources}
    for source in sources:
        host, port = re.match(r"http://([\w-]+):(\d+)", source["url"]).groups()
        if host not in compose.names_seen_by(grafana):
            problems.append(f"monitoring/grafana: the source {source['name']} is at {host}, which Grafana cannot reach")
        if f'127.0.0.1:{port}/' not in " ".join(compose.services[host].health):
            problems.append(f"monitoring/grafana: the source {source['name']} is at port {port}, where {host} does not listen")
    mounted = {mount.target: ROOT / mount.source for mount in grafana.mounts if mount.bind}
    providers = yaml.safe_load((folder / "provisioning/dashboards/lemma.yml").read_text())["providers"]
    for provider in providers:
        if provider["options"]["path"] not in mounted:
            problems.append(f"monitoring/grafana: {provider['options']['path']} is not mounted")
    home = Path(grafana.environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    if not (mounted.get(str(home.parent), ROOT) / home.name).is_file():
        problems.append(f"docker-compose.yml, grafana: there is no {home}")
    for path in sorted((folder / "dashboards").glob("*.json")):
        dashboard = json.loads(path.read_text())
        where = f"monitoring/grafana/dashboards/{path.name}"
        variables = {variable["name"] for variable in dashboard["templating"]["list"]}
        for variable in dashboard["templating"]["list"]:
            problems += [f"{where}, ${variable['name']}: {p}" for p in metrics.problems(variable["query"]["query"].partition("(")[2].partition(",")[0])]
        seen, ids = set(), [panel["id"] for panel in dashboard["panels"]]
        if len(ids) != len(set(ids)):
            problems.append(f"{where}: two panels have one id")
        for panel in dashboard["panels"]:
            for target in panel.get("targets", []):
                expression = target["expr"]
                seen.add(expression)
                problems += [f"{where}, {panel['title']}: {problem}" for problem in metrics.problems(expression)]
                for name in re.findall(r"\$(\w+)", expression):
                    if name not in variables:
                        problems.append(f"{where}, {panel['title']}: there is no variable ${name}")
                if target["datasource"]["uid"] not in uids:
                    problems.append(f"{where}, {panel['title']}: there is no source {target['datasource']['uid']}")
                for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]):
                    if label not in metrics.labels and metrics.live:
                        problems.append(f"{where}, {panel['title']}: no metric has the label {label}")
        if len(seen) < 10:
            problems.append(f"{where}: has hardly any panels")


def check_docs(help_, metrics, compose, problems):
    """Command lines, metrics, log lines and links of docs/operate."""
    pages = sorted((ROOT / "docs/operate").glob("*.md"))
    checked = 0
    for page in pages:
        where = f"docs/operate/{page.name}"
        text = page.read_text()
        for words in documented_commands(text):
            checked += 1
            problems += [f"{where}: `{' '.join(words)}`: {problem}" for problem in help_.problems(words)]
        for name in re.findall(r"\b((?:substrate|lemma_worker)_[a-z0-9_]+)\b", text):
            if name not in metrics.names and (metrics.live or not name.startswith("substrate_")):
                if not any(known.startswith(name) for known in metrics.names):
                    problems.append(f"{where}: there is no metric {name}")
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
            if not (page.parent / link).exists():
                problems.append(f"{where}: links to {link}, which there is not")
        for service in re.findall(r"docker compose (?:exec|logs|restart|stop|start|run)\b[^`\n]*", text):
            names = re.sub(r"--(?:volume|entrypoint)\s+(?:\"[^\"]*\"|\S+)", "", service).split()[3:]
            names = [word for word in names if not word.startswith("-")]
            if names and names[0] not in compose.services and not names[0].isupper():
                problems.append(f"{where}: `{service}`: there is no service {names[0]}")
        for path in re.findall(r"`((?:docker|monitoring|scripts|docs|examples|runtime|node)/[\w./-]+)`", text):
            if not (ROOT / path).exists():
                problems.append(f"{where}: there is no {path}")
    if checked < 20:
        problems.append("docs/operate has hardly any commands that scripts/check-docker understands")
    metrics_page = (ROOT / "docs/operate/metrics-and-logs.md").read_text()
    for name, kind in metrics.worker.items():
        public = name + "_total" if "Counter" in kind else name
        if f"`{public}" not in metrics_page:
            problems.append(f"docs/operate/metrics-and-logs.md does not say what {public} means")
    check_log_lines(metrics_page, problems)
    return checked


def check_log_lines(page, problems):
    """That the worker can say what the page says that it says."""
    source = "\n".join(path.read_text() for path in (ROOT / "offchain-worker").rglob("*.rs"))
    source = re.sub(r"\\\n\s*", "", source)
    table = re.search(r"<!-- worker log -->(.*?)<!-- end -->", page, re.S)
    lines = re.findall(r"^\| `([^`]+)`", table[1], re.M) if table else []
    if len(lines) < 20:
        problems.append("docs/operate/metrics-and-logs.md has no table of the worker's log lines")
    for line in lines:
        for part in line.split("…"):
            if part.strip() and part.strip() not in source:
                problems.append(f"docs/operate/metrics-and-logs.md: the worker says nowhere “{part.strip()}”")
    listed = "\n".join(lines)
    for path in sorted((ROOT / "offchain-worker/src").rglob("*.rs")):
        text = re.sub(r"\\\n\s*", "", path.read_text().partition("#[cfg(test)]")[0])
        for message in re.findall(r'tracing::(?:info|warn|error)!\((?:[^"()]|\([^()]*\))*"((?:[^"\\]|\\.)*)"', text):
            fixed = [part.strip() for part in re.split(r"\{[^}]*\}|[:;.]", message) if len(part.strip()) > 3]
            if fixed and not any(part in listed for part in fixed):
                problems.append(f"docs/operate/metrics-and-logs.md does not say what “{message}” means")


def documented_commands(text):
    """Command lines of our binaries in a page's code, as lists of words."""
    blocks = re.findall(r"^```[^\n]*\n(.*?)^```", text, re.S | re.M)
    outside = re.sub(r"^```.*?^```", "", text, flags=re.S | re.M)
    blocks += re.findall(r"(?:^(?: {4}|\t).*\n?)+", outside, re.M)
    for block in blocks:
        for line in code_lines(block):
            for command in commands_of(line.removeprefix("ExecStart=").removeprefix("$ ")):
                words = without_prefix(command)
                if words and Path(words[0]).name in BINARIES:
                    yield [Path(words[0]).name, *(word.rstrip("…") or "X" for word in words[1:])]


def without_prefix(words):
    """A command without sudo, and `docker compose run cli` as what runs inside."""
    words = list(words)
    if words[:2] == ["docker", "compose"] and "cli" in words and "--entrypoint" not in words:
        return ["lemma", *words[words.index("cli") + 1 :]]
    if words[:2] == ["docker", "compose"] and "--entrypoint" in words:
        entrypoint = words[words.index("--entrypoint") + 1]
        return [entrypoint, *words[words.index("cli") + 1 :]] if "cli" in words else []
    while words and words[0] in ("sudo", "nice", "exec"):
        words.pop(0)
        while words and words[0].startswith("-"):
            option = words.pop(0)
            if option in ("-u", "-n") and words:
                words.pop(0)
    return words
