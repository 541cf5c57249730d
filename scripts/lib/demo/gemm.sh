# 1,797 handwritten digits times the weights of a linear classifier.
# Sourced by scripts/demo, never run.

demo_run() {
	say "registering a provider and starting its worker"
	worker_start

	local digits="$LEMMA_ROOT/examples/digits" order accuracy
	say "ordering: digits_images_i8.npy (1797 x 64) times digits_linear_i8.npy (64 x 10), by //Alice"
	"$LEMMA_BIN/lemma" gemm "$digits/digits_images_i8.npy" "$digits/digits_linear_i8.npy" --out "$LEMMA_RUN/scores.npy" \
		--max-price 10 --key //Alice --json >"$LEMMA_RUN/order.json" || die "$(cat "$LEMMA_RUN/order.json")"
	order="$(jq .order "$LEMMA_RUN/order.json")"

	say "verifying the result once more, from the block, with nothing trusted but the genesis hash"
	"$LEMMA_BIN/lemma" verify "$order" --genesis "$genesis" --output "$LEMMA_RUN/scores.npy" \
		--operands "$digits/digits_images_i8.npy" "$digits/digits_linear_i8.npy" >&2

	say "changing one byte of the result: it must not pass"
	forge "$LEMMA_RUN/scores.npy" "$LEMMA_RUN/forged.npy"
	if "$LEMMA_BIN/lemma" verify "$order" --genesis "$genesis" --output "$LEMMA_RUN/forged.npy" >"$LEMMA_RUN/forged.txt" 2>&1; then
		die "a forged result passed"
	fi
	tail -n 1 "$LEMMA_RUN/forged.txt" >&2

	say "the receipt"
	rpc lemma_receipt "[$order]" | jq . >&2
	say "what it means"
	accuracy="$("$digits/accuracy.py" "$LEMMA_RUN/scores.npy" --json)"
	"$digits/accuracy.py" "$LEMMA_RUN/scores.npy" >&2

	summary="$(jq -c --argjson stages "$(order_stages "$order")" --argjson accuracy "$accuracy" \
		'{order, provider, block, finalized, proof_bytes, stages: $stages, verified, paid, accuracy: $accuracy.accuracy, seconds}' \
		"$LEMMA_RUN/order.json")"
}

demo_report() {
	jq -r '"order \(.order), settled in block \(.block)\(if .finalized then ", final" else "" end)
provider    \(.provider), paid \(.paid) LEM
proof       \(.proof_bytes) bytes, verified by the runtime and here: \(.verified)
stages      \(.stages | to_entries | map("\(.key) \(.value * 100 | round / 100) s") | join(", "))
accuracy    \(.accuracy * 100)% of the held-out digits"' <<<"$summary"
}
