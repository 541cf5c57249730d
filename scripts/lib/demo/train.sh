# A network is trained on handwritten digits by a chain of orders, every step proven.
# Sourced by scripts/demo, never run.
#
# TRAIN_STEPS is how many steps of 32 samples are taken, 240 unless given.

demo_run() {
	local steps="${TRAIN_STEPS:-240}" data="$LEMMA_RUN/digits" out="$LEMMA_RUN/weights.npy" chain="$LEMMA_RUN/weights.receipts.json"
	local right
	say "registering a provider and starting its worker"
	worker_start
	PYTHONDONTWRITEBYTECODE=1 "$LEMMA_ROOT/examples/digits/split.py" "$data"
	local samples=(--features "$data/train_features.npy" --labels "$data/train_labels.npy"
		--test-features "$data/test_features.npy" --test-labels "$data/test_labels.npy")

	say "training 64-32-10 on 1,297 handwritten digits: $steps steps of 32, by orders of //Alice; 500 digits are held out"
	"$LEMMA_BIN/lemma" train "${samples[@]}" --widths 64,32,10 --steps "$steps" --out "$out" --chain "$chain" \
		--max-price 10 --key //Alice >"$LEMMA_RUN/train.txt" || die "the training has failed"

	say "running it again: it finds what was ordered, and orders nothing"
	"$LEMMA_BIN/lemma" train "${samples[@]}" --widths 64,32,10 --steps "$steps" --out "$out" --chain "$chain" \
		--max-price 10 --key //Alice --json >"$LEMMA_RUN/train.json" || die "$(cat "$LEMMA_RUN/train.json")"
	jq -e 'all(.orders[]; .resumed)' "$LEMMA_RUN/train.json" >/dev/null || die "the same training was ordered twice"

	say "verifying the training once more, from the chain, with nothing trusted but the genesis hash"
	"$LEMMA_BIN/lemma" verify --training "$chain" "${samples[@]}" --output "$out" --genesis "$genesis" >&2

	say "changing one weight of the result: it must not pass"
	forge "$out" "$LEMMA_RUN/forged.npy"
	if "$LEMMA_BIN/lemma" verify --training "$chain" "${samples[@]}" --output "$LEMMA_RUN/forged.npy" --genesis "$genesis" \
		>"$LEMMA_RUN/forged.txt" 2>&1; then
		die "forged weights passed"
	fi
	tail -n 1 "$LEMMA_RUN/forged.txt" >&2

	say "changing one label of the data set: it must not pass"
	forge "$data/train_labels.npy" "$LEMMA_RUN/forged_labels.npy"
	if "$LEMMA_BIN/lemma" verify --training "$chain" --features "$data/train_features.npy" \
		--labels "$LEMMA_RUN/forged_labels.npy" --genesis "$genesis" >"$LEMMA_RUN/forged.txt" 2>&1; then
		die "another data set passed"
	fi
	tail -n 1 "$LEMMA_RUN/forged.txt" >&2

	right="$(jq .accuracy.held_out.right "$LEMMA_RUN/train.json")"
	[ "$right" -ge 450 ] || die "$right of 500 held-out digits are right, which is less than 90%"
	summary="$(jq -c '{program: "train"} + .' "$LEMMA_RUN/train.json")"
}

demo_report() {
	cat "$LEMMA_RUN/train.txt"
}
