// Posts an order for a matrix product to a Lemma chain with @polkadot/api, follows it to settlement and reads the
// result.
//
//   node order.js [--size 16] [--node ws://127.0.0.1:9944] [--key //Alice] [--max-price 10] [--out result.bin]
//
// --key (or LEMMA_KEY) is a key file, as `lemma keys new` makes them, or //Alice and the like on a development chain.
//
// Multiplies two random int8 matrices of --size rows and columns and compares the result with the product computed
// here. Prints one JSON object at the end; exits with 1 if the order was not settled or the result is wrong, and with 2 if the
// command line is.
//
// The commitment to the input is a cryptographic one over both matrices, and is made by Lemma's own code: `lemma
// program id`, found on the PATH or named by LEMMA_CLI. Everything else is plain Substrate, as below.

import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { ApiPromise, Keyring, WsProvider } from '@polkadot/api';
import { hexToU8a, u8aConcat, u8aToHex } from '@polkadot/util';
import { cryptoWaitReady } from '@polkadot/util-crypto';

const UNIT = 10n ** 12n;
/** Longest input that an order itself carries, bytes. */
const MAX_INLINE = 8192;

const { values: options } = parseArgs({
	options: {
		size: { type: 'string', default: '16' },
		node: { type: 'string', default: process.env.LEMMA_NODE ?? 'ws://127.0.0.1:9944' },
		key: { type: 'string', default: process.env.LEMMA_KEY ?? '//Alice' },
		'max-price': { type: 'string', default: '10' },
		out: { type: 'string' },
	},
});
const say = (...words) => console.error(...words);
const usage = (problem) => {
	console.error(problem);
	process.exit(2);
};

/** A number of LEM, such as 10 or 0.5, in the smallest unit. */
const amount = (name, text) => {
	const parts = /^(\d{1,20})(?:\.(\d{1,12}))?$/.exec(text);
	if (!parts) usage(`${name} must be an amount in LEM with at most 12 decimals, such as 10 or 0.5, and not ${text}`);
	return BigInt(parts[1]) * UNIT + BigInt((parts[2] ?? '').padEnd(12, '0'));
};

/** What signs: the content of a key file if there is such a file, else the text itself. */
const secret = (key) => {
	let text = key.trim();
	if (!text.startsWith('//') && existsSync(text)) {
		try {
			text = readFileSync(text, 'utf8').trim();
		} catch (error) {
			usage(`the key file ${key} cannot be read: ${error.message}`);
		}
	}
	// A seed, or 12 to 24 words, with derivations and a password behind; or //Name, of the phrase that everybody knows.
	const root = /^(0x[0-9a-fA-F]{64}|[a-z]+( [a-z]+){11,23})?/.exec(text)[0];
	const rest = text.slice(root.length);
	// A path with two slashes at its start must not come to mean a key that everybody knows.
	const isName = /^\/\/[^/.]/.test(rest) && !rest.split('///')[0].includes('.') && !existsSync(text);
	if (root ? rest && !rest.startsWith('/') : !isName) {
		usage('--key (or LEMMA_KEY) is no key: give a key file, 12 to 24 words, 0x and 64 hex digits, or //Alice and the like');
	}
	return text;
};

const maxPrice = amount('--max-price', options['max-price']);
const uri = secret(options.key);
const size = Number(options.size);
const longest = Math.floor(Math.sqrt((MAX_INLINE - 20) / 2));
if (!Number.isInteger(size) || size < 1 || size > longest) {
	usage(`--size must be a whole number from 1 to ${longest}: the input travels in the order`);
}

await cryptoWaitReady();
let requester;
try {
	requester = new Keyring({ type: 'sr25519' }).addFromUri(uri);
} catch (error) {
	usage(`--key (or LEMMA_KEY) is no key: ${error.message}`);
}

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

// 1. The input: the blob that docs/protocol/gemm.md describes, and its commitment.
const a = new Int8Array(randomBytes(size * size));
const b = new Int8Array(randomBytes(size * size));
const header = new Uint8Array(20);
header.set(new TextEncoder().encode('lemma-g'));
header[7] = 1;
for (const place of [8, 12, 16]) new DataView(header.buffer).setUint32(place, size, true);
const blob = u8aConcat(header, new Uint8Array(a.buffer), new Uint8Array(b.buffer));
const identify = () => {
	const folder = mkdtempSync(join(tmpdir(), 'lemma-'));
	try {
		const file = join(folder, 'job.bin');
		writeFileSync(file, blob);
		return JSON.parse(execFileSync(process.env.LEMMA_CLI ?? 'lemma', ['program', 'id', file, '--json']));
	} catch (error) {
		console.error(`the commitment could not be made: ${error.message}`);
		process.exit(1);
	} finally {
		rmSync(folder, { recursive: true });
	}
};
const job = identify();

// 2. Post. The whole maximum price is held at once; what is not needed comes back.
const spec = {
	program: job.program,
	commitment: job.commitment,
	input: { Inline: u8aToHex(blob) },
	outputLen: job.output_len,
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

// 3. Follow it, by the events of every new block, until it ends.
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

// 4. Read the receipt from storage and the result from the block, and compare.
const receipt = (await api.query.jobOrders.receipts(posted)).unwrap();
const result = (await api.rpc.lemma.result(posted.toString())).toJSON();
const output = hexToU8a(result.output);
if (options.out) writeFileSync(options.out, output);
const elements = new Int32Array(output.buffer, output.byteOffset, output.length / 4);
let wrong = elements.length === size * size ? 0 : elements.length;
for (let row = 0; row < size; row++)
	for (let column = 0; column < size; column++) {
		let sum = 0;
		for (let i = 0; i < size; i++) sum += a[row * size + i] * b[i * size + column];
		if (elements[row * size + column] !== sum) wrong++;
	}

console.log(
	JSON.stringify({
		order: Number(posted),
		provider: receipt.provider.toString(),
		block: receipt.settledAt.toNumber(),
		paid: receipt.paid.toString(),
		outputRoot: receipt.outputRoot.toHex(),
		outputBytes: output.length,
		wrongElements: wrong,
		proofBytes: hexToU8a(result.proof).length,
	}),
);
await api.disconnect();
process.exit(wrong === 0 ? 0 : 1);
