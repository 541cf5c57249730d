# A network of validators, each with its own keys, address and data, as processes of this machine. Sourced
# after network.sh.
#
# Where namespaces can be made (Linux, root), each validator has a network namespace with two links: `peers`,
# over which validators talk and which a partition cuts, and `clients`, over which this script, workers and the
# command line reach it. A further namespace holds the switches, so that no firewall of this machine has a
# say in what passes, and nothing is left of the network once the namespaces are gone.
#
# Elsewhere validators share the loopback address on ports of their own, talk to reserved peers only, and a
# partition takes each other's peers off those lists.

NODE_PID=()
NODE_URL=()
NODE_METRICS=()
NODE_PEER_ID=()
NODE_ADDRESS=()

# isolation_choose [loopback]: sets ISOLATION to what this machine allows, or to what is asked for.
isolation_choose() {
	ISOLATION=loopback
	if [ "${1:-}" != loopback ] && netns_usable; then ISOLATION=namespaces; fi
}

netns_usable() {
	# Nodes serve metrics to other machines on IPv6 sockets, which take IPv4 too.
	[ "$(id -u)" = 0 ] && have ip && [ -e /proc/net/if_inet6 ] || return 1
	local probe="lemma-$$-probe" status=0
	ip netns add "$probe" 2>/dev/null || return 1
	{ ip -n "$probe" link add name one type veth peer name two && ip -n "$probe" link add name three type bridge; } 2>/dev/null || status=1
	ip netns del "$probe"
	return "$status"
}

# netns_up COUNT: switches, and a namespace with its two links for each validator.
netns_up() {
	local count=$1 i switch name pid
	NETNS="lemma-$$"
	switch="$NETNS-switch"
	NETWORK_CLEANUP+=(netns_down)
	# What a script left that was killed before it could clean up.
	for name in $(ip netns list | awk '{ print $1 }' | grep -E '^lemma-[0-9]+-' || true); do
		pid="${name#lemma-}"
		[ -d "/proc/${pid%%-*}" ] || ip netns del "$name"
	done
	for i in $(seq 201 250); do
		SUBNET="10.$i"
		{ ip -4 route show; ip -4 addr show; } | grep -E "(^| )10\.$i\." >/dev/null || break
	done
	ip netns add "$switch"
	for name in peers cut clients; do
		ip -n "$switch" link add name "$name" type bridge
		ip -n "$switch" link set dev "$name" up
	done
	ip link add name "lemma$$" type veth peer name host netns "$switch"
	ip -n "$switch" link set dev host master clients up
	ip addr add "$SUBNET.2.254/24" dev "lemma$$"
	ip link set dev "lemma$$" up
	for i in $(seq "$count"); do
		ip netns add "$NETNS-$i"
		ip -n "$NETNS-$i" link set dev lo up
		netns_link "$i" peers "$SUBNET.1.$i"
		netns_link "$i" clients "$SUBNET.2.$i"
	done
}

# netns_link I NAME ADDRESS: plugs validator I into the switch of that name.
netns_link() {
	local switch="$NETNS-switch" space="$NETNS-$1"
	ip -n "$switch" link add name "$2$1" type veth peer name "$2" netns "$space"
	ip -n "$switch" link set dev "$2$1" master "$2" up
	ip -n "$space" addr add "$3/24" dev "$2"
	ip -n "$space" link set dev "$2" up
}

netns_down() {
	local name
	ip link del dev "lemma$$" 2>/dev/null || true
	for name in $(ip netns list | awk '{ print $1 }' | grep -E "^$NETNS-" || true); do ip netns del "$name"; done
}

# validator_address I: chooses where validator I listens.
validator_address() {
	local i=$1
	if [ "$ISOLATION" = namespaces ]; then
		NODE_ADDRESS[i]="/ip4/$SUBNET.1.$i/tcp/30333"
		NODE_URL[i]="http://$SUBNET.2.$i:9944"
		NODE_METRICS[i]="http://$SUBNET.2.$i:9615/metrics"
	else
		NODE_ADDRESS[i]="/ip4/127.0.0.1/tcp/$(free_port)"
		NODE_URL[i]="http://127.0.0.1:$(free_port)"
		NODE_METRICS[i]="http://127.0.0.1:$(free_port)/metrics"
	fi
}

# Where others reach validator I.
peer_of() { printf '%s/p2p/%s' "${NODE_ADDRESS[$1]}" "${NODE_PEER_ID[$1]}"; }

# validator_keys I: makes the keys of validator I: of its node, for making blocks (Aura), for voting (GRANDPA).
validator_keys() {
	local folder="$LEMMA_RUN/validator-$1" kind peer
	mkdir -p -m 700 "$folder"
	peer="$("$LEMMA_BIN/lemma-node" key generate-node-key --chain local --file "$folder/node.key" 2>&1)" || die "$peer"
	NODE_PEER_ID[$1]=$peer
	for kind in aura:sr25519 gran:ed25519; do
		"$LEMMA_BIN/lemma-node" key generate --scheme "${kind#*:}" --output-type json >"$folder/${kind%:*}.json"
		(umask 077 && jq -r .secretPhrase "$folder/${kind%:*}.json" >"$folder/${kind%:*}.phrase")
	done
}

# testnet_spec COUNT BLOCK_TIME_MS ACCOUNT...: writes the chain's specification, chain.json: the programs of the
# local preset, these validators, no root, and 5,000 LEM for each account.
testnet_spec() {
	local count=$1 block_time=$2 i
	shift 2
	for i in $(seq "$count"); do
		jq -n --arg peer "$(peer_of "$i")" --slurpfile aura "$LEMMA_RUN/validator-$i/aura.json" \
			--slurpfile gran "$LEMMA_RUN/validator-$i/gran.json" \
			'{peer: $peer, aura: $aura[0].ss58PublicKey, grandpa: $gran[0].ss58PublicKey}'
	done | jq -s . >"$LEMMA_RUN/validators.json"
	"$LEMMA_BIN/lemma-node" export-chain-spec --chain local --output "$LEMMA_RUN/local.json" >"$LEMMA_RUN/spec.log" 2>&1
	jq --slurpfile validators "$LEMMA_RUN/validators.json" --argjson block_time "$block_time" '
		.name = "Lemma Testnet" | .id = "lemma_testnet" | .bootNodes = ($validators[0] | map(.peer))
		| .genesis.runtimeGenesis.patch |= (
			.aura.authorities = ($validators[0] | map(.aura))
			| .grandpa.authorities = ($validators[0] | map([.grandpa, 1]))
			| .balances.balances = ($ARGS.positional | map([., 5000000000000000]))
			| .chainParameters.blockTime = $block_time
			| del(.sudo))' "$LEMMA_RUN/local.json" --args "$@" >"$LEMMA_RUN/plain.json"
	"$LEMMA_BIN/lemma-node" export-chain-spec --chain "$LEMMA_RUN/plain.json" --raw --output "$LEMMA_RUN/chain.json" \
		>>"$LEMMA_RUN/spec.log" 2>&1
}

# validator_install I: puts the keys of validator I where its node looks for them.
validator_install() {
	local folder="$LEMMA_RUN/validator-$1" kind
	for kind in aura:sr25519 gran:ed25519; do
		"$LEMMA_BIN/lemma-node" key insert --base-path "$folder/data" --chain "$LEMMA_RUN/chain.json" \
			--key-type "${kind%:*}" --scheme "${kind#*:}" --suri "$folder/${kind%:*}.phrase"
	done
}

port_of() { sed -E 's|.*:([0-9]+).*|\1|' <<<"$1"; }

# validator_start I: starts validator I, for the first time or again.
validator_start() {
	local i=$1 j within=() flags=()
	if [ "$ISOLATION" = namespaces ]; then
		within=(ip netns exec "$NETNS-$i")
		flags=(--unsafe-rpc-external --rpc-cors all --prometheus-external)
	else
		# Without other slots: a peer that is taken off the list would be kept in one.
		flags=(--reserved-only --in-peers 0 --out-peers 0 --rpc-methods unsafe)
		for j in "${!NODE_ADDRESS[@]}"; do
			[ "$j" = "$i" ] || flags+=(--reserved-nodes "$(peer_of "$j")")
		done
	fi
	process_start "validator-$i" "${within[@]}" "$LEMMA_BIN/lemma-node" --chain "$LEMMA_RUN/chain.json" --validator \
		--name "validator-$i" --base-path "$LEMMA_RUN/validator-$i/data" \
		--node-key-file "$LEMMA_RUN/validator-$i/node.key" --listen-addr "${NODE_ADDRESS[i]}" --no-mdns --no-telemetry \
		--rpc-port "$(port_of "${NODE_URL[i]}")" --prometheus-port "$(port_of "${NODE_METRICS[i]}")" "${flags[@]}"
	NODE_PID[i]=$STARTED
}

# partition FIRST: cuts the validators from number FIRST on off from those before. partition_heal FIRST undoes it.
partition() { partition_change "$1" cut system_removeReservedPeer; }
partition_heal() { partition_change "$1" peers system_addReservedPeer; }
partition_change() {
	local first=$1 switch=$2 method=$3 count=${#NODE_ADDRESS[@]} i j
	for i in $(seq "$first" "$count"); do
		if [ "$ISOLATION" = namespaces ]; then
			ip -n "$NETNS-switch" link set dev "peers$i" master "$switch"
			continue
		fi
		for j in $(seq $((first - 1))); do
			reserve "$i" "$method" "$j"
			reserve "$j" "$method" "$i"
		done
	done
}

# reserve I METHOD J: adds validator J to, or removes it from, those that validator I talks to.
reserve() {
	local peer="${NODE_PEER_ID[$3]}"
	if [ "$2" = system_addReservedPeer ]; then peer="$(peer_of "$3")"; fi
	rpc_of "${NODE_URL[$1]}" "$2" "[\"$peer\"]" >/dev/null
}

# all_final_above HEIGHT: whether a block above that height is final for every validator.
all_final_above() {
	local url final
	for url in "${NODE_URL[@]}"; do
		final="$(finalized_of "$url" 2>/dev/null)" && [ "$final" -gt "$1" ] || return 1
	done
}

# Height of the highest block that any validator knows.
highest() {
	local url best top=0
	for url in "${NODE_URL[@]}"; do
		if best="$(best_of "$url" 2>/dev/null)" && [ "$best" -gt "$top" ]; then top=$best; fi
	done
	echo "$top"
}

# hashes URL FROM TO: the hashes of the node's best chain at these heights, as one array.
hashes() { rpc_of "$1" chain_getBlockHash "[$(seq "$2" "$3" | jq -cs .)]"; }

# state_roots URL HASHES: the state roots in the headers that the node holds under these hashes, in order.
state_roots() {
	jq -c 'to_entries | map({jsonrpc: "2.0", id: .key, method: "chain_getHeader", params: [.value]})' <<<"$2" \
		| fetch -H 'Content-Type: application/json' -d @- "$1" \
		| jq -c 'sort_by(.id) | map(.result.stateRoot)'
}

# metric URL NAME [LABEL]: a sample of a page of metrics; nothing if there is none.
metric() {
	fetch "$1" | awk -v name="$2" -v label="${3:-}" '
		!found && ($1 == name || index($1, name "{") == 1) && index($1, label) { print $NF; found = 1 }'
}
