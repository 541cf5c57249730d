# Starts nodes and workers as child processes of a script and ends them with it. Sourced after common.sh.
# Everything lies under $LEMMA_RUN, a directory of its own that is removed at the end; KEEP=1 keeps it.

LEMMA_RUN="$(mktemp -d --suffix=.lemma)"
# What `lemma` remembers of orders on these chains is no concern of the user's own, and the user's settings none of theirs.
export XDG_DATA_HOME="$LEMMA_RUN/data"
unset LEMMA_GENESIS LEMMA_KEY LEMMA_STORE
NETWORK_PIDS=()
# Commands to run at the end, once the processes have ended.
NETWORK_CLEANUP=()

network_stop() {
	local status=$? pid command
	trap - EXIT INT TERM
	for pid in "${NETWORK_PIDS[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
	for pid in "${NETWORK_PIDS[@]}"; do
		for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
		kill -KILL "$pid" 2>/dev/null || true
	done
	for command in "${NETWORK_CLEANUP[@]}"; do $command || true; done
	case "$status" in
	0 | 130 | 143) ;;
	*)
		local log
		for log in "$LEMMA_RUN"/*.log; do
			[ -f "$log" ] || continue
			say "the end of $(basename "$log")"
			tail -n 25 "$log" >&2
		done
		;;
	esac
	if [ -n "${KEEP:-}" ]; then say "kept: $LEMMA_RUN"; else rm -rf "$LEMMA_RUN"; fi
	exit "$status"
}
trap network_stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Dies unless the binaries are built.
need_binaries() {
	local name
	for name in lemma-node lemma-worker lemma; do
		[ -x "$LEMMA_BIN/$name" ] || die "$LEMMA_BIN/$name is not built: run scripts/demo, or cargo build --release"
	done
}

# process_start NAME COMMAND...: runs the command in the background with its output in NAME.log; sets
# STARTED to its process id.
process_start() {
	local name=$1
	shift
	"$@" >>"$LEMMA_RUN/$name.log" 2>&1 </dev/null &
	STARTED=$!
	NETWORK_PIDS+=("$STARTED")
}

# process_kill PID: ends a process as a power cut would, and waits until it is gone.
process_kill() {
	kill -KILL "$1"
	process_wait "$1" 2>/dev/null || true
}

# process_wait PID: waits for the end of a process that was started here, and returns its status.
process_wait() {
	local status=0 pid pids=()
	wait "$1" || status=$?
	# The number may soon be that of another process.
	for pid in "${NETWORK_PIDS[@]}"; do [ "$pid" = "$1" ] || pids+=("$pid"); done
	NETWORK_PIDS=("${pids[@]}")
	return "$status"
}

# What is done while a script waits; a script that has something to do meanwhile defines it anew.
network_tick() { :; }

# await SECONDS WHAT COMMAND...: repeats the command until it succeeds; dies with WHAT if that takes longer.
await() {
	local seconds=$1 what=$2 end=$((SECONDS + $1))
	shift 2
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || die "$what (waited $seconds s)"
		network_tick
		sleep 0.25
	done
}

# A TCP port that nobody uses.
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# fetch ...: curl as it is meant here: quiet, patient for a while, and never by way of a proxy.
fetch() { curl -sf -m 30 --noproxy '*' "$@"; }

# rpc METHOD [PARAMS]: calls the node at RPC_PORT, prints the result.
rpc() { rpc_of "http://127.0.0.1:$RPC_PORT" "$@"; }

# rpc_of URL METHOD [PARAMS]: calls any node.
rpc_of() {
	fetch -H 'Content-Type: application/json' \
		-d "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"$2\",\"params\":${3:-[]}}" "$1" | jq -c .result
}

# best_of URL, finalized_of URL: height of a node's best block, of the last one that is final for it.
best_of() {
	local number
	number="$(rpc_of "$1" chain_getHeader | jq -r .number)" && printf '%d\n' "$number"
}
finalized_of() {
	local hash number
	hash="$(rpc_of "$1" chain_getFinalizedHead)" \
		&& number="$(rpc_of "$1" chain_getHeader "[$hash]" | jq -r .number)" && printf '%d\n' "$number"
}

# at_height PID URL HEIGHT: whether the node, a process of ours, is at that height or above.
at_height() {
	kill -0 "$1" 2>/dev/null || die "a node has ended"
	[ "$(best_of "$2" 2>/dev/null || echo -1)" -ge "$3" ]
}

# node_start: a development chain of one node; sets RPC_PORT and LEMMA_NODE.
node_start() {
	RPC_PORT="$(free_port)"
	export LEMMA_NODE="ws://127.0.0.1:$RPC_PORT"
	process_start node "$LEMMA_BIN/lemma-node" --dev --base-path "$LEMMA_RUN/node" --rpc-port "$RPC_PORT" \
		--port "$(free_port)" --no-prometheus --no-telemetry
	await 60 "the node makes no block" at_height "$STARTED" "http://127.0.0.1:$RPC_PORT" 1
}

# worker_start [NAME KEY [SETTINGS]]: registers the key's account as a provider (//Bob, unless given) and runs a
# worker for it; see worker_run.
worker_start() {
	provider_register "${1:-worker}" "${2:-//Bob}"
	worker_run "${1:-worker}" "${2:-//Bob}" "${3:-}"
}

# provider_register NAME KEY: registers the key's account as a provider.
provider_register() {
	"$LEMMA_BIN/lemma" provider register --key "$2" --bond 1000 --json >"$LEMMA_RUN/$1-register.json" \
		|| die "the provider $1 could not be registered: $(cat "$LEMMA_RUN/$1-register.json")"
}

# worker_run NAME KEY [SETTINGS]: runs a worker that signs with the key, with LEMMA_NODE, LEMMA_STORE and
# whatever else the settings say; sets METRICS_PORT and STARTED. Its settings are in NAME.toml. It leads a session, as a
# service does: then its `niceness` counts wherever processes are grouped by session, and nodes on the same cores come first.
worker_run() {
	local name=$1 key=$2
	METRICS_PORT="$(free_port)"
	cat >"$LEMMA_RUN/$name.toml" <<-TOML
		node = "$LEMMA_NODE"
		key = "$key"
		data_dir = "$LEMMA_RUN/$name"
		store = "$LEMMA_STORE"
		metrics = "127.0.0.1:$METRICS_PORT"
		${3:-}
	TOML
	process_start "$name" setsid "$LEMMA_BIN/lemma-worker" run --config "$LEMMA_RUN/$name.toml"
	await 60 "the worker $name takes no orders" worker_ready "$STARTED" "$METRICS_PORT"
}

worker_ready() {
	kill -0 "$1" 2>/dev/null || die "a worker has ended"
	fetch "http://127.0.0.1:$2/health" | jq -e .taking_orders >/dev/null
}

# Aligns lines of tab-separated fields in columns, for people.
table() {
	awk -F '\t' '
		{ for (i = 1; i <= NF; i++) { cell[NR, i] = $i; if (length($i) > width[i]) width[i] = length($i) } fields[NR] = NF }
		END {
			for (row = 1; row <= NR; row++) {
				line = ""
				for (i = 1; i <= fields[row]; i++) line = line sprintf("%-" width[i] "s  ", cell[row, i])
				sub(/ +$/, "", line)
				print line
			}
		}'
}

# Where inputs are put by the command line and fetched by the worker.
export LEMMA_STORE="$LEMMA_RUN/store"
mkdir -p "$LEMMA_STORE"
