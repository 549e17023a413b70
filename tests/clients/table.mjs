// docs/clients.md from the recordings and what is not recorded.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

const root = new URL('../../', import.meta.url);
const folder = new URL('tests/e2e/recorded/', root);
const file = new URL('docs/clients.md', root);

/** The document as the recordings tell it. */
export function document() {
	const all = readdirSync(folder).filter((n) => n.endsWith('.json')).sort().map((n) => JSON.parse(readFileSync(new URL(n, folder))));
	const lines = ['# Other people\'s clients', '',
		'What programs written for the original gateway can do with this one. Each was run unchanged, as npm has it, by `tools/clients`; a device that',
		'a client presents was approved once with `moltbot devices approve`. What they asked, and what they lived on in the answers, is asked',
		'again by every run of the tests. A feature that is left out is refused by its name, and the client shows that.', '',
		'| client | `./test` | `tools/clients` |', '|---|---|---|',
		'| openclaw 2026.1.30 (command line, Control UI), openclaw-node, openclaw-mcp | what they said once, said again (`tests/e2e/recorded.test.mjs`) | the programs themselves |',
		'| openai (JavaScript SDK) | the package itself | |', '',
		'The programs themselves are 420 MB from npm and need about ten minutes, most of them for starting again and again: too much for every run.', ''];
	for (const { client, rows } of all) {
		const works = rows.filter((r) => r.result === 'works').length;
		lines.push(`## ${client}`, '', `${works} of ${rows.length} work.`, '', '| what | result | methods |', '|---|---|---|',
			...rows.map((r) => `| ${r.what.replaceAll('|', '\\|')} | ${r.result} | ${r.methods.map((m) => `\`${m}\``).join(' ')} |`), '');
	}
	lines.push('## openai (JavaScript SDK)', '', 'In every run of the tests (`tests/e2e/strangers.test.mjs`): chat completions, whole and streamed, and what a wrong key gets.', '');
	return lines.join('\n');
}

if (process.argv[1] === new URL(import.meta.url).pathname) writeFileSync(file, document());
