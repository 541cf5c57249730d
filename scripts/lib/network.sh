# Starts a development chain and a worker as child processes of a script and ends them with it. Sourced
# after common.sh. Everything lies under $LEMMA_RUN, a directory of its own that is removed at the end;
# KEEP=1 keeps it.

LEMMA_RUN="${LEMMA_RUN:-$(mktemp -d "${TMPDIR:-/tmp}/lemma.XXXXXX")}"
mkdir -p "$LEMMA_RUN"
NETWORK_PIDS=()

network_stop() {
	local status=$? pid
	trap - EXIT INT TERM
	for pid in "${NETWORK_PIDS[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
	for pid in "${NETWORK_PIDS[@]}"; do
		for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
		kill -KILL "$pid" 2>/dev/null || true
	done
	if [ "$status" != 0 ]; then
		local log
		for log in "$LEMMA_RUN"/*.log; do
			[ -f "$log" ] || continue
			say "the end of $(basename "$log")"
			tail -n 25 "$log" >&2
		done
	fi
	if [ -n "${KEEP:-}" ]; then say "kept: $LEMMA_RUN"; else rm -rf "$LEMMA_RUN"; fi
	exit "$status"
}
trap network_stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# A TCP port that nobody uses.
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# rpc METHOD [PARAMS]: calls the node, prints the result.
rpc() {
	curl -sf -H 'Content-Type: application/json' \
		-d "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"$1\",\"params\":${2:-[]}}" "http://127.0.0.1:$RPC_PORT" | jq -c .result
}

# node_start: a development chain of one node; sets RPC_PORT and LEMMA_NODE.
node_start() {
	RPC_PORT="$(free_port)"
	export LEMMA_NODE="ws://127.0.0.1:$RPC_PORT"
	"$LEMMA_BIN/lemma-node" --dev --base-path "$LEMMA_RUN/node" --rpc-port "$RPC_PORT" --port "$(free_port)" \
		--no-prometheus --no-telemetry >"$LEMMA_RUN/node.log" 2>&1 &
	NETWORK_PIDS+=($!)
	local pid=$!
	for _ in $(seq 240); do
		kill -0 "$pid" 2>/dev/null || die "the node did not start"
		[ "$(rpc chain_getHeader 2>/dev/null | jq -r .number 2>/dev/null)" \> 0x0 ] && return
		sleep 0.25
	done
	die "the node made no block within a minute"
}

# worker_start: registers //Bob as a provider and runs a worker for it; sets METRICS_PORT.
worker_start() {
	"$LEMMA_BIN/lemma" provider register --key //Bob --bond 1000 --json >"$LEMMA_RUN/register.json" \
		|| die "the provider could not be registered: $(cat "$LEMMA_RUN/register.json")"
	METRICS_PORT="$(free_port)"
	cat >"$LEMMA_RUN/worker.toml" <<-TOML
		node = "$LEMMA_NODE"
		key = "//Bob"
		data_dir = "$LEMMA_RUN/worker"
		store = "$LEMMA_STORE"
		metrics = "127.0.0.1:$METRICS_PORT"
	TOML
	"$LEMMA_BIN/lemma-worker" run --config "$LEMMA_RUN/worker.toml" >"$LEMMA_RUN/worker.log" 2>&1 &
	NETWORK_PIDS+=($!)
	local pid=$!
	for _ in $(seq 240); do
		kill -0 "$pid" 2>/dev/null || die "the worker did not start"
		curl -sf "http://127.0.0.1:$METRICS_PORT/health" >/dev/null && return
		sleep 0.25
	done
	die "the worker was not healthy within a minute"
}

# Where inputs are put by the command line and fetched by the worker.
export LEMMA_STORE="$LEMMA_RUN/store"
mkdir -p "$LEMMA_STORE"
