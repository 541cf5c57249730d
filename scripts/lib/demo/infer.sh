# A neural network from an ONNX file reads 500 handwritten digits that it was not trained on.
# Sourced by scripts/demo, never run.
#
# INFER_NETWORK=digits_cnn_float.onnx takes the convolutional network of examples/digits in place of the 64-32-10.

demo_run() {
	local model="${INFER_NETWORK:-digits_mlp_float.onnx}"
	local digits="$LEMMA_ROOT/examples/digits" network="$LEMMA_RUN/digits.lemma" orders order
	local held_out="$LEMMA_RUN/held_out.npy" labels="$LEMMA_RUN/held_out_labels.npy" scores="$LEMMA_RUN/scores.npy"
	"$digits/held_out.py" "$LEMMA_RUN"

	[ -f "$digits/$model" ] || die "INFER_NETWORK: there is no $digits/$model"
	say "building: $model, calibrated by the digits of its training"
	"$LEMMA_BIN/lemma" model build "$digits/$model" --calibrate "$LEMMA_RUN/train.npy" --evaluate "$held_out" \
		--labels "$labels" --batches 1,64 --out "$network" --json >"$LEMMA_RUN/model.json" || die "$(cat "$LEMMA_RUN/model.json")"
	"$LEMMA_BIN/lemma" model show "$network" >&2

	say "registering its two programs, with a proof of each, by //Alice"
	"$LEMMA_BIN/lemma" model register "$network" --key //Alice >&2
	say "registering a provider and starting its worker, which has the network's file"
	worker_start worker //Bob "bundles = [\"$network\"]"

	say "ordering: 500 digits in batches of 64, by //Alice"
	"$LEMMA_BIN/lemma" infer --model "$network" "$held_out" --labels "$labels" --out "$scores" --max-price 20 \
		--key //Alice --json >"$LEMMA_RUN/infer.json" || die "$(cat "$LEMMA_RUN/infer.json")"
	orders="$(jq '.orders[].order' "$LEMMA_RUN/infer.json")"

	say "verifying every batch once more, from its block, with nothing trusted but the genesis hash and the network's file"
	for order in $orders; do
		verify_batch "$order" "$scores" >"$LEMMA_RUN/verify.txt" || die "$(cat "$LEMMA_RUN/verify.txt")"
		grep -E ' (proof|program|input) ' "$LEMMA_RUN/verify.txt" >&2
	done

	say "changing one bit of a score: it must not pass"
	forge "$scores" "$LEMMA_RUN/forged.npy"
	if verify_batch "$order" "$LEMMA_RUN/forged.npy" >"$LEMMA_RUN/forged.txt" 2>&1; then
		die "a forged score passed"
	fi
	tail -n 1 "$LEMMA_RUN/forged.txt" >&2

	summary="$(jq -c --slurpfile model "$LEMMA_RUN/model.json" --argjson stages "$(order_stages "$order")" \
		'{program: "infer", samples, orders: [.orders[] | {order, batch, samples, program, provider, block, proof_bytes, paid}],
			finalized, verified, trustless, paid, accuracy: .accuracy.accuracy, float_accuracy: $model[0].accuracy.float,
			stages: $stages, seconds}' "$LEMMA_RUN/infer.json")"
}

# verify_batch ORDER SCORES: that an order's part of these scores is what the network makes of the digits.
verify_batch() {
	"$LEMMA_BIN/lemma" verify "$1" --genesis "$genesis" --samples "$network" "$held_out" --output "$2"
}

demo_report() {
	jq -r '"\(.orders | length) orders, \(.orders | map(.order) | "\(first) to \(last)"), \(if .finalized then "final" else "not final" end)
provider    \(.orders | map(.provider) | unique | join(", ")), paid \(.paid) LEM
proofs      \(.orders | map(.proof_bytes) | add) bytes, verified by the runtime and here: \(.verified)
stages      of the last order: \(.stages | to_entries | map("\(.key) \(.value * 100 | round / 100) s") | join(", "))
accuracy    \(.accuracy * 1000 | round / 10)% of the held-out digits, proven; \(.float_accuracy * 1000 | round / 10)% in floating point"' \
		<<<"$summary"
}
