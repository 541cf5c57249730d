# A program of one's own, examples/user-program: the edit distances of two DNA sequences.
# Sourced by scripts/demo, never run. docs/use/programs.md goes through the same by hand.

demo_run() {
	local own="$LEMMA_BIN/lemma-example-alignment" pair="$LEMMA_RUN/pair.bin" distances="$LEMMA_RUN/distances.bin"
	local pattern text id order said
	pattern="$(printf 'ACGT%.0s' {1..16})"
	text="$(printf 'AGCT%.0s' {1..16})"
	"$own" encode "$pattern" "$text" "$pair"
	id="$("$LEMMA_BIN/lemma" program id "$pair" --executable "$own" --json | jq -r .program)"

	say "registering the program $id, with a proof of it, by //Alice"
	"$LEMMA_BIN/lemma" program register --sample "$pair" --executable "$own" \
		--description "$LEMMA_ROOT/examples/user-program/README.md" --max-len 64 --min-len 64 --multiple-of 64 --key //Alice >&2
	say "registering a provider and starting its worker, which may serve that id by that executable"
	worker_start worker //Bob $'[[executables]]\npath = "'"$own"$'"\nallow = ["'"$id"'"]'

	say "ordering, by //Alice"
	"$LEMMA_BIN/lemma" order post --input "$pair" --executable "$own" --max-price 10 --key //Alice --json \
		>"$LEMMA_RUN/order.json" || die "$(cat "$LEMMA_RUN/order.json")"
	order="$(jq .order "$LEMMA_RUN/order.json")"
	"$LEMMA_BIN/lemma" result "$order" --out "$distances" --json >"$LEMMA_RUN/result.json" || die "$(cat "$LEMMA_RUN/result.json")"
	said="$("$own" decode "$distances")"

	say "computing the distances by other means, to compare"
	[ "$said" = "$(edit_distances "$pattern" "$text")" ] || die "these are not the distances: $said"
	say "verifying the result once more, from its block, with nothing trusted but the genesis hash and the program"
	"$LEMMA_BIN/lemma" verify "$order" --genesis "$genesis" --input "$pair" --executable "$own" --output "$distances" >&2
	say "changing one bit of a distance: it must not pass"
	forge "$distances" "$LEMMA_RUN/forged.bin"
	if "$LEMMA_BIN/lemma" verify "$order" --genesis "$genesis" --output "$LEMMA_RUN/forged.bin" \
		>"$LEMMA_RUN/forged.txt" 2>&1; then
		die "a forged distance passed"
	fi
	tail -n 1 "$LEMMA_RUN/forged.txt" >&2

	summary="$(jq -nc --arg id "$id" --arg said "$said" --argjson order "$order" --argjson stages "$(order_stages "$order")" \
		'{program: "own", id: $id, order: $order, distances: ($said | split(" ") | map(tonumber)), stages: $stages}')"
}

# edit_distances PATTERN TEXT: of the pattern and every beginning of the text but the empty one.
edit_distances() {
	python3 - "$1" "$2" <<-'PY'
		import sys
		pattern, text = sys.argv[1:]
		row = list(range(len(text) + 1))
		for done, base in enumerate(pattern, 1):
		    before, row = row, [done]
		    for place, other in enumerate(text):
		        row.append(min(before[place] + (base != other), before[place + 1] + 1, row[place] + 1))
		print(*row[1:])
	PY
}

demo_report() {
	jq -r '"order \(.order) of program \(.id)
distances   \(.distances | map(tostring) | join(" "))
stages      \(.stages | to_entries | map("\(.key) \(.value * 100 | round / 100) s") | join(", "))"' <<<"$summary"
}
