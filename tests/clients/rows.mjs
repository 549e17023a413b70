// The commands of the original's command line against our gateway. One row each: what is typed, what must be seen when it
// works, or the feature that is left out (then the gateway's refusal must be seen, and an exit status that is not 0).
// local: it does not ask the gateway, and is here only because what it says rests on it.

/** @typedef {{args: string[], shows?: RegExp, without?: string, ms?: number, exit?: number, after?: string}} Row */

const later = (feature) => ({ without: feature });

/** @type {Row[]} */
export const rows = [
	{ args: ['health'], shows: /Agents: main/ },
	{ args: ['health', '--json'], shows: /"ok": true[\s\S]*"defaultAgentId": "main"/ },
	{ args: ['status'], shows: /Gateway\s+│.*reachable [\s\S]*auth token/ },
	{ args: ['status', '--all'], shows: /Gateway[\s\S]*reachable/ },
	{ args: ['status', '--deep'], shows: /Gateway\s+│ reachable/ },
	{ args: ['status', '--json'], shows: /"reachable": true/ },
	{ args: ['gateway', 'health'], shows: /OK \(\d+ms\)/ },
	{ args: ['gateway', 'status'], shows: /RPC probe: ok/ },
	{ args: ['gateway', 'probe'], shows: /Reachable: yes[\s\S]*RPC: ok/ },
	{ args: ['gateway', 'call', 'health'], shows: /"ok": true/ },
	{ args: ['gateway', 'call', 'status'], shows: /"sessions"/ },
	{ args: ['gateway', 'call', 'config.get', '--params', '{}'], shows: /"hash"/ },
	{ args: ['gateway', 'call', 'config.schema', '--params', '{}'], shows: /"uiHints"/ },
	{ args: ['gateway', 'call', 'no.such.method'], shows: /unknown method/, exit: 1 },
	{ args: ['gateway', 'usage-cost'], shows: /Usage cost/i },
	{ args: ['channels', 'status'], shows: /Gateway reachable/ },
	{ args: ['channels', 'status', '--probe', '--json'], shows: /"channelOrder"/ },
	{ args: ['agent', '--agent', 'main', '--message', 'what is 6*7', '--json'], shows: /"status": "ok"[\s\S]*you said what is 6\*7/ },
	{ args: ['agent', '--session-id', '0b1b1b7e-0000-4000-8000-000000000001', '--message', 'hello crab'], shows: /you said hello crab/ },
	{ args: ['system', 'presence'], shows: /"mode": "gateway"/ },
	{ args: ['system', 'event', '--text', 'the kettle boils', '--mode', 'now'], shows: /ok/ },
	{ args: ['system', 'heartbeat', 'last'], shows: /null/ },
	{ args: ['logs', '--limit', '5', '--plain'], shows: /gateway/ },
	{ args: ['logs', '--limit', '3', '--json'], shows: /"type":"(log|raw)"/ },
	{ args: ['devices', 'list'], shows: /Paired \(1\)/ },
	{ args: ['devices', 'list', '--json'], shows: /"paired"/ },
	{ args: ['cron', 'status'], shows: /"jobs": 0/ },
	{ args: ['cron', 'list'], shows: /No cron jobs/ },
	{ args: ['cron', 'add', '--name', 'tea', '--every', '10m', '--system-event', 'tea'], ...later('schedules') },
	{ args: ['nodes', 'status'], shows: /Known: 0/ },
	{ args: ['nodes', 'list'], shows: /Pending: 0 · Paired: 0/ },
	{ args: ['nodes', 'pending'], shows: /No pending/ },
	{ args: ['nodes', 'describe', '--node', 'attic'], shows: /unknown node|node required|not found/i, exit: 1 },
	{ args: ['approvals', 'get', '--gateway'], shows: /Approvals/ },
	{ args: ['system', 'heartbeat', 'enable'], ...later('heartbeats') },
	{ args: ['gateway', 'call', 'send', '--params', '{"to":"@x","message":"hi","idempotencyKey":"one"}'], ...later('channels') },
	{ args: ['browser', 'status'], ...later('browser automation') },
	{ args: ['security', 'audit', '--deep'], shows: /security audit/i },
	{ args: ['models', 'status'], shows: /Default/ },
	{ args: ['skills', 'list'], shows: /Skills/ },
	{ args: ['agents', 'list'], shows: /main/ },
	{ args: ['sessions'], shows: /session/i },
	{ args: ['dashboard', '--no-open'], shows: /http:\/\/127\.0\.0\.1:\d+\// },
];
