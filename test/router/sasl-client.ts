/** SASL from the client's side, written from the RFCs alone, and a tenant to sign in at. */
import assert from 'node:assert/strict';
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import type { Clock } from '../../lib/ports/clock.ts';
import type { ChannelBinding } from '../../lib/runtime/wire.ts';
import { Stanza } from '../../lib/xmpp/stanza.ts';
import { createAccount } from '../../services/router/core/accounts.ts';
import { type SaslContext, type SaslResult, type SaslState, saslStep } from '../../services/router/sasl/exchange.ts';
import { deriveKeys } from '../../services/router/sasl/passwords.ts';
import { embeddedDependencies } from '../support/stage/parts.ts';

export const ns = 'urn:ietf:params:xml:ns:xmpp-sasl';
export const binding: ChannelBinding = {
  'tls-exporter': randomBytes(32).toString('base64'),
  'tls-server-end-point': randomBytes(32).toString('base64'),
};
export const bound: SaslContext = { secure: true, binding };
export const unbound: SaslContext = { secure: true, binding: {} };
export const hashes = { 'SCRAM-SHA-1': 'sha1', 'SCRAM-SHA-256': 'sha256', 'SCRAM-SHA-512': 'sha512' } as const;

export const base64 = (text: string | Uint8Array) => Buffer.from(text).toString('base64');

export function conditionOf({ reply, state, local }: SaslResult): string {
  const condition = /^<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><([a-z-]+)\/>.*<\/failure>$/.exec(reply)?.[1];
  assert.ok(condition, `no failure: ${reply}`);
  assert.equal(state, undefined);
  assert.equal(local, undefined);
  return condition;
}

export function dataOf({ reply }: SaslResult, name: 'challenge' | 'success'): string {
  const data = new RegExp(`^<${name} xmlns='${ns}'>([^<]+)</${name}>$`).exec(reply)?.[1];
  assert.ok(data, `no ${name} with data: ${reply}`);
  return Buffer.from(data, 'base64').toString();
}

/** RFC 5802 §3 and §5 from the client's side. */
export class Client {
  readonly digest: 'sha1' | 'sha256' | 'sha512';
  readonly password: string;
  readonly header: string;
  readonly bare: string;
  readonly bindingData: Buffer;
  #signature = '';

  constructor(mechanism: string, name: string, password: string, { header = 'n,,', bindingData = '' } = {}) {
    this.digest = hashes[mechanism.replace('-PLUS', '') as keyof typeof hashes];
    this.password = password;
    this.header = header;
    this.bare = `n=${name},r=${randomBytes(12).toString('hex')}`;
    this.bindingData = Buffer.from(bindingData, 'base64');
  }

  get first(): string {
    return this.header + this.bare;
  }

  #hmac(key: Buffer, text: string): Buffer {
    return createHmac(this.digest, key).update(text).digest();
  }

  /** @param tail makes another nonce of the server's, and a proof that fits it */
  final(serverFirst: string, tail = ''): string {
    const [, serverNonce, salt, iterations] = /^r=([^,]+),s=([^,]+),i=(\d+)(?:,|$)/.exec(serverFirst) ?? [];
    const nonce = `${serverNonce}${tail}`;
    assert.ok(nonce.startsWith(this.bare.split(',r=')[1]!), serverFirst);
    const bytes = createHash(this.digest).digest().length;
    const salted = pbkdf2Sync(this.password, Buffer.from(salt!, 'base64'), Number(iterations), bytes, this.digest);
    const withoutProof = `c=${base64(Buffer.concat([Buffer.from(this.header), this.bindingData]))},r=${nonce}`;
    const message = `${this.bare},${serverFirst},${withoutProof}`;
    const clientKey = this.#hmac(salted, 'Client Key');
    const signature = this.#hmac(createHash(this.digest).update(clientKey).digest(), message);
    this.#signature = base64(this.#hmac(this.#hmac(salted, 'Server Key'), message));
    const proof = clientKey.map((byte, index) => byte ^ signature[index]!);
    return `${withoutProof},p=${base64(proof)}`;
  }

  checkServer(serverFinal: string): void {
    assert.equal(serverFinal, `v=${this.#signature}`);
  }
}

/** Wrong passwords of one address are slowed, which is another test's matter: each step comes from an address of its own. */
let steps = 0;
const address = () => `198.51.${(++steps >> 8) & 255}.${steps & 255}`;

/** A server with the account `juliet`, whose password is `pencil`. */
export async function openServer(options: { readonly clock?: Clock; readonly log?: Logger } = {}) {
  const embedded = await embeddedDependencies({ clock: options.clock });
  const dependencies = options.log ? { ...embedded, log: options.log } : embedded;
  const tenant = await dependencies.tenants.add('example.org', { registration: 'closed', retentionDays: 0 });

  async function addAccount(local: string, password: string) {
    const scram = await deriveKeys(password, dependencies.clock);
    await createAccount(dependencies.store, tenant.domain, local, { createdAt: '2026-01-01T00:00:00Z', scram });
  }

  function step(element: string, context: SaslContext, state?: SaslState): Promise<SaslResult> {
    // Through JSON, as the connection node carries it.
    const carried = state && (JSON.parse(JSON.stringify(state)) as SaslState);
    return saslStep(dependencies, tenant, carried, Stanza.parse(element), { address: address(), ...context });
  }

  const auth = (mechanism: string, data?: string | Buffer, context = unbound) =>
    step(`<auth xmlns='${ns}' mechanism='${mechanism}'>${data === undefined ? '' : base64(data)}</auth>`, context);

  const respond = (state: SaslState | undefined, data: string | Buffer, context = unbound) =>
    step(`<response xmlns='${ns}'>${base64(data)}</response>`, context, state);

  async function signIn(mechanism: string, client: Client, context = unbound): Promise<SaslResult> {
    const first = await auth(mechanism, client.first, context);
    const result = await respond(first.state, client.final(dataOf(first, 'challenge')), context);
    if (result.local !== undefined) client.checkServer(dataOf(result, 'success'));
    return result;
  }

  await addAccount('juliet', 'pencil');
  return { dependencies, tenant, addAccount, step, auth, respond, signIn };
}
