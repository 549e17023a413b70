// What each client did: printed as a table at the end, and, with MOLTBOT_RECORD naming a folder, kept there as recordings that
// tests/e2e/recorded.test.mjs asks again.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const results = [];

/** A row that came out as it says; connections are its recordings. */
export function keep(client, what, { without, note }, connections) {
	results.push({ client, what, result: without ? `left out: ${without}` : note ?? 'works',
		methods: [...new Set(connections.flatMap((c) => c.calls.map((call) => call.method)))], connections });
}

process.on('exit', () => {
	for (const r of results) console.log(`${r.client} | ${r.what} | ${r.result} | ${r.methods.join(' ')}`);
	const folder = process.env.MOLTBOT_RECORD;
	if (!folder) return;
	mkdirSync(folder, { recursive: true });
	for (const client of new Set(results.map((r) => r.client))) {
		const name = client.toLowerCase().replace(/[^a-z0-9]+/g, '-');
		const rows = results.filter((r) => r.client === client).map(({ client: _, ...row }) => JSON.stringify(row));
		writeFileSync(join(folder, `${name}.json`), `{"client":${JSON.stringify(client)},"rows":[\n${rows.join(',\n')}\n]}\n`);
	}
});
