// Posts an order to a Lemma chain with @polkadot/api, follows it to settlement and reads the result.
//
//   node order.js job.json result.bin [--node ws://127.0.0.1:9944] [--key //Alice] [--max-price 10]
//
// job.json is what `lemma gemm A.npy B.npy --dry-run --json` prints: the program, the commitment to the input,
// the input and the output's length. The commitment is a cryptographic one over the whole input and is made by
// Lemma's own code; everything after that is plain Substrate, as below. The result's bytes are written to
// result.bin (for GEMM: int32, little-endian, row by row).
//
// Prints one JSON object at the end. Exits with 1 if the order was not settled.

import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

import { ApiPromise, Keyring, WsProvider } from '@polkadot/api';
import { hexToU8a } from '@polkadot/util';
import { blake2AsHex } from '@polkadot/util-crypto';

const UNIT = 10n ** 12n;

const { values: options, positionals } = parseArgs({
	allowPositionals: true,
	options: {
		node: { type: 'string', default: process.env.LEMMA_NODE ?? 'ws://127.0.0.1:9944' },
		key: { type: 'string', default: process.env.LEMMA_KEY ?? '//Alice' },
		'max-price': { type: 'string', default: '10' },
	},
});
if (positionals.length !== 2) {
	console.error('usage: node order.js job.json result.bin [--node URL] [--key URI] [--max-price LEM]');
	process.exit(2);
}
const [jobFile, resultFile] = positionals;
const job = JSON.parse(readFileSync(jobFile, 'utf8'));
const say = (...words) => console.error(...words);

// Lemma's own JSON-RPC methods, so that `api.rpc.lemma.*` exists.
const rpc = {
	lemma: {
		receipt: {
			description: 'Receipt of a settled order',
			params: [{ name: 'order', type: 'u64' }],
			type: 'Json',
		},
		result: {
			description: 'Output and proof of a settled order, from the block that settled it',
			params: [{ name: 'order', type: 'u64' }],
			type: 'Json',
		},
	},
};

const provider = new WsProvider(options.node, false);
provider.on('error', () => {});
await provider.connect();
const api = await Promise.race([
	ApiPromise.create({ provider, rpc, throwOnConnect: true, noInitWarn: true }),
	new Promise((_, reject) => setTimeout(() => reject(new Error('timed out')), 20_000)),
]).catch((error) => {
	console.error(`no answer from ${options.node} (${error.message}): is lemma-node running there?`);
	process.exit(1);
});

const requester = new Keyring({ type: 'sr25519' }).addFromUri(options.key);
const maxPrice = BigInt(options['max-price']) * UNIT;

// 1. Post. The whole maximum price is held at once; what is not needed comes back.
const spec = {
	program: job.program,
	commitment: job.commitment,
	input: job.input.inline
		? { Inline: job.input.inline }
		: { Stored: { hash: job.input.hash, size: job.input.size, locator: job.input.locator ?? '' } },
	outputLen: job.outputLen,
	minPrice: maxPrice / 10n,
	maxPrice,
	ramp: 10,
	claimWindow: 100,
	lifetime: 600,
};

const decodeError = (dispatchError) => {
	if (!dispatchError.isModule) return dispatchError.toString();
	const { section, name, docs } = api.registry.findMetaError(dispatchError.asModule);
	return `${section}.${name}: ${docs.join(' ')}`;
};

const posted = await new Promise((resolve, reject) => {
	api.tx.jobOrders
		.postOrder(spec)
		.signAndSend(requester, ({ status, events, dispatchError }) => {
			if (dispatchError) return reject(new Error(decodeError(dispatchError)));
			if (!status.isInBlock) return;
			const event = events.find(({ event }) => event.section === 'jobOrders' && event.method === 'OrderPosted');
			resolve(event.event.data.id.toBigInt());
		})
		.catch(reject);
}).catch(async (error) => {
	console.error(`the order was not posted: ${error.message}`);
	await api.disconnect();
	process.exit(1);
});
say(`order ${posted} posted`);

// 2. Follow it, by the events of every new block, until it ends.
const ENDS = ['OrderSettled', 'OrderExpired', 'OrderCancelled'];
const end = await new Promise((resolve, reject) => {
	let stop;
	const deadline = setTimeout(() => reject(new Error('nothing settled the order within five minutes')), 300_000);
	const seen = ({ event, block }) => {
		say(`block ${block}: ${event.method}`);
		if (!ENDS.includes(event.method)) return;
		clearTimeout(deadline);
		stop?.();
		resolve(event.method);
	};
	api.rpc.chain
		.subscribeNewHeads(async (header) => {
			const events = await (await api.at(header.hash)).query.system.events();
			for (const { event } of events) {
				if (event.section !== 'jobOrders') continue;
				if (event.data.id?.toString() === posted.toString()) seen({ event, block: header.number });
			}
		})
		.then((unsubscribe) => (stop = unsubscribe), reject);
}).catch((error) => error.message);

if (end !== 'OrderSettled') {
	console.error(`order ${posted} was not settled: ${end}`);
	await api.disconnect();
	process.exit(1);
}

// 3. Read the receipt from storage and the result from the block.
const receipt = (await api.query.jobOrders.receipts(posted)).unwrap();
const result = (await api.rpc.lemma.result(posted.toString())).toJSON();
const output = hexToU8a(result.output);
if (output.length !== job.outputLen) throw new Error(`expected ${job.outputLen} bytes, got ${output.length}`);
writeFileSync(resultFile, output);

console.log(
	JSON.stringify({
		order: Number(posted),
		provider: receipt.provider.toString(),
		block: receipt.settledAt.toNumber(),
		paid: receipt.paid.toString(),
		outputRoot: receipt.outputRoot.toHex(),
		outputBytes: output.length,
		outputHash: blake2AsHex(output),
		proofBytes: hexToU8a(result.proof).length,
	}),
);
await api.disconnect();
