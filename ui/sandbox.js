// What health says of the sandbox, in words.
import {oneLine} from './dom.js';

/**
 * What each tier is made of, and what runs in it.
 * @type {Record<string, {good: boolean, text: string}>}
 */
export const TIERS = {
	full: {good: true, text: 'Namespaces, Landlock, seccomp and limits: every tool may run.'},
	userns: {good: true, text: 'Namespaces, seccomp and limits, without Landlock: every tool may run.'},
	'landlock+uid': {good: true, text: 'No namespaces; own user, Landlock, seccomp and limits: every tool may run.'},
	landlock: {good: false, text: 'No namespaces and no own user: built-in tools only, no shell.'},
	none: {good: false, text: 'Seccomp only: tools that touch nothing, such as the calculator.'},
};

/** @type {Record<string, string>} */
export const PROOFS = {
	passed: 'Held: every attempt to escape from inside the sandbox failed.',
	failed: 'Did not hold. Tools that execute stay off.',
	pending: 'Still running. Tools that execute stay off until it has passed.',
};

/**
 * @typedef {{tier: string, proof: 'passed' | 'failed' | 'pending', missing: string, why: string, tone: 'good' | 'warn' | 'bad', words: string}} Sandbox
 */

/**
 * The sandbox object of health or status; null when there is none. What does not say that it passed has not passed.
 * @param {any} health
 * @returns {Sandbox | null}
 */
export function readSandbox(health) {
	const s = health?.sandbox;
	if (!s || typeof s !== 'object')
		return null;
	const proof = s.proof === 'passed' || s.proof === 'pending' ? s.proof : 'failed';
	const tier = String(s.tier ?? '');
	const isGood = Object.hasOwn(TIERS, tier) && TIERS[tier].good;
	return {tier, proof, missing: String(s.missing ?? ''), why: String(s.why ?? ''), tone: isGood ? 'good' : tier === '' ? 'warn' : 'bad',
		words: tier === '' ? 'Being found out' : `Tier ${oneLine(tier, 20)}`};
}
