# A scene of spheres, cut into tiles that two workers render and prove.
# Sourced by scripts/demo, never run.
#
# RENDER_SIZE is the image's size, 256x256 unless given: 16 tiles of 64x64. The image stays at $RENDER_OUT.

demo_run() {
	local scene="$LEMMA_ROOT/examples/scenes/still-life.toml" size="${RENDER_SIZE:-256x256}" order other
	local image="${RENDER_OUT:-$LEMMA_CACHE/render.png}"
	say "registering two providers and starting a worker for each"
	worker_start worker //Bob
	worker_start second //Charlie

	say "ordering: still-life.toml, $size pixels in tiles of 64x64, by //Alice"
	"$LEMMA_BIN/lemma" render "$scene" --size "$size" --out "$image" --max-price 20 --key //Alice --json \
		>"$LEMMA_RUN/render.json" || die "$(cat "$LEMMA_RUN/render.json")"

	say "running it again: it finds what was ordered, and orders nothing"
	"$LEMMA_BIN/lemma" render "$scene" --size "$size" --out "$LEMMA_RUN/again.png" --max-price 20 --key //Alice --json \
		>"$LEMMA_RUN/again.json" || die "$(cat "$LEMMA_RUN/again.json")"
	jq -e 'all(.orders[]; .resumed)' "$LEMMA_RUN/again.json" >/dev/null || die "a tile was ordered twice"

	say "computing the image here, to compare"
	"$LEMMA_BIN/lemma" render "$scene" --size "$size" --out "$LEMMA_RUN/preview.png" --preview --json >/dev/null
	for other in again preview; do
		cmp "$image" "$LEMMA_RUN/$other.png" >&2 || die "the images differ"
	done

	order="$(jq '.orders[0].order' "$LEMMA_RUN/render.json")"
	say "verifying the first tile once more, from its block, with nothing trusted but the genesis hash"
	"$LEMMA_BIN/lemma" result "$order" --out "$LEMMA_RUN/tile.rgb" --json >/dev/null
	"$LEMMA_BIN/lemma" verify "$order" --genesis "$genesis" --output "$LEMMA_RUN/tile.rgb" >&2
	say "changing one bit of a pixel: it must not pass"
	forge "$LEMMA_RUN/tile.rgb" "$LEMMA_RUN/forged.rgb"
	if "$LEMMA_BIN/lemma" verify "$order" --genesis "$genesis" --output "$LEMMA_RUN/forged.rgb" \
		>"$LEMMA_RUN/forged.txt" 2>&1; then
		die "a forged pixel passed"
	fi
	tail -n 1 "$LEMMA_RUN/forged.txt" >&2

	summary="$(jq -c '{program: "render", out, width, height, tiles, providers, finalized, verified, trustless, paid, seconds,
		orders: [.orders[] | {order, column, row, provider, block, paid}]}' "$LEMMA_RUN/render.json")"
}

demo_report() {
	jq -r '"image       \(.out), \(.width) x \(.height) pixels in \(.tiles) tiles, verified: \(.verified)
orders      \(.orders | map(.order) | "\(min) to \(max)"), \(if .finalized then "final" else "not final" end), paid \(.paid) LEM
providers   \(.orders | group_by(.provider) | map("\(.[0].provider): \(length) tiles") | join(", "))
time        \(.seconds.image * 10 | round / 10) s to the image, \(.seconds.total * 10 | round / 10) s until all was final"' \
		<<<"$summary"
}
