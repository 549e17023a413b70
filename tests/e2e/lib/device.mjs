// A device identity as the protocol's clients have one: Ed25519, the id is the hash of the key.
import { createHash, generateKeyPairSync, sign } from 'node:crypto';

export class Device {
	constructor() {
		const { publicKey, privateKey } = generateKeyPairSync('ed25519');
		this.privateKey = privateKey;
		const raw = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32);
		this.publicKey = raw.toString('base64url');
		this.id = createHash('sha256').update(raw).digest('hex');
	}

	/** The device member of connect, signed for exactly these values. */
	present({ clientId, clientMode, role, scopes, token, nonce, signedAt = Date.now() }) {
		const fields = [nonce ? 'v2' : 'v1', this.id, clientId, clientMode, role, scopes.join(','), signedAt, token ?? ''];
		if (nonce) fields.push(nonce);
		const signature = sign(null, Buffer.from(fields.join('|')), this.privateKey).toString('base64url');
		return { id: this.id, publicKey: this.publicKey, signature, signedAt, ...(nonce ? { nonce } : {}) };
	}
}
