/** A stage with keys, two tenants, and people who sign in otherwise than with passwords that the tenant keeps. */
import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SignJWT } from 'jose';
import { openFileKeys } from '../../lib/adapters/file-keys.ts';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import { DeploymentClock } from '../../lib/runtime/deployment-clock.ts';
import type { PolicyChange } from '../../lib/runtime/policy/tenant-policy.ts';
import { perform } from '../../services/router/operations/perform.ts';
import { tokenSecrets } from '../../services/router/sasl/tokens.ts';
import { base64, type Newcomer } from '../support/stage/newcomer.ts';
import type { EmbeddedDependencies } from '../support/stage/parts.ts';
import { openStage, type WholeStage } from '../support/stage/whole-stage.ts';

const ns = 'urn:ietf:params:xml:ns:xmpp-sasl';
export const sharedSecret = 'a secret of at least 32 characters, as it should be';
export const issuer = 'https://id.example.org';
const phone = 'd4565fa7-4d72-4749-b3d3-740edbf87770';

export interface SignInGround {
  readonly stage: WholeStage;
  /** How far the clock of the deployment is ahead, ms. */
  shiftMs: number;
  set(policy: PolicyChange, domain?: string): Promise<void>;
  /** Does what an operator asks for. */
  operate(operation: string, input: object): Promise<unknown>;
  /** Somebody whose stream is open. @param ip the network address that they come from */
  come(domain?: string, ip?: string): Promise<Newcomer>;
  close(): Promise<void>;
}

export async function openSignInGround(
  more: (parts: EmbeddedDependencies) => EmbeddedDependencies = (parts) => parts,
): Promise<SignInGround> {
  const folder = mkdtempSync(join(tmpdir(), 'skylark-sign-in-'));
  const ground = { shiftMs: 0 };
  const clock = DeploymentClock.of({ ...systemClock, now: () => systemClock.now() + ground.shiftMs });
  const stage = await openStage({
    wrap: (parts) => {
      const keys = openFileKeys({ path: join(folder, 'key'), clock });
      return more({ ...parts, clock, keys, tokenSecrets: tokenSecrets({ store: parts.store, clock, keys }) });
    },
  });
  const { dependencies } = stage;
  const operate = async (operation: string, input: object) => {
    const { ok, error, result } = await perform(dependencies, { kind: 'admin', operation, arguments: { ...input } });
    if (!ok) throw new Error(error);
    return result;
  };
  return Object.assign(ground, {
    stage,
    operate,
    set: (policy: PolicyChange, domain = 'a.example') => dependencies.tenants.setPolicy(domain, policy).then(() => {}),
    async come(domain = 'a.example', ip?: string) {
      const somebody = stage.newcomer(domain, ip === undefined ? {} : { address: ip });
      await somebody.open();
      return somebody;
    },
    async close() {
      await stage.close();
      rmSync(folder, { recursive: true, force: true });
    },
  });
}

export interface Claims {
  readonly sub?: string;
  readonly aud?: string;
  readonly exp?: number;
}

export const nowSeconds = () => Math.floor(Date.now() / 1_000);

export function signToken(claims: Claims = {}, secret = sharedSecret): Promise<string> {
  const payload = { sub: 'juliet', iss: issuer, aud: 'a.example', exp: nowSeconds() + 3_600, ...claims };
  return new SignJWT(payload).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from(secret));
}

export const auth = (mechanism: string, data: string) =>
  `<auth xmlns='${ns}' mechanism='${mechanism}'>${base64(data) || '='}</auth>`;

/** @returns 'success', or the condition of the failure */
export function outcomeOf(answer: string): string {
  return /^<success/.test(answer) ? 'success' : (/<failure [^>]*><([\w-]+)/.exec(answer)?.[1] ?? answer);
}

export async function plain(ground: SignInGround, name: string, password: string, domain?: string, ip?: string): Promise<string> {
  return outcomeOf(await (await ground.come(domain, ip)).asks(auth('PLAIN', `\0${name}\0${password}`)));
}

/** Signs in by XEP-0388, as a client with an id, and asks for a token of XEP-0484. */
export function authenticate(mechanism: string, data: string | Buffer, parts = ''): string {
  const request = `<request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-NONE'/>`;
  const first = `<initial-response>${base64(data)}</initial-response><user-agent id='${phone}'/>`;
  return `<authenticate xmlns='urn:xmpp:sasl:2' mechanism='${mechanism}'>${first}${parts || request}</authenticate>`;
}

export const tokenIn = (answer: string) => /<token [^>]*\btoken='([^']+)'/.exec(answer)?.[1] ?? '';
export const expiryIn = (answer: string) => Date.parse(/<token [^>]*\bexpiry='([^']+)'/.exec(answer)?.[1] ?? '');

/** Signs in with a token of XEP-0484, and asks for the next. @returns what the client is told */
export async function byToken(ground: SignInGround, name: string, token: string, domain = 'a.example'): Promise<string> {
  const somebody = ground.stage.newcomer(domain);
  await somebody.open(`${name}@${domain}`);
  const proof = createHmac('sha256', token).update('Initiator').digest();
  const next = `<fast xmlns='urn:xmpp:fast:0'/><request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-NONE'/>`;
  return somebody.asks(authenticate('HT-SHA-256-NONE', Buffer.concat([Buffer.from(`${name}\0`), proof]), next));
}

/** Asks again and again. @throws when it does not come true within five seconds */
export async function until(holds: () => Promise<boolean> | boolean): Promise<void> {
  for (let waitedMs = 0; waitedMs < 5_000; waitedMs += 20) {
    if (await holds()) return;
    await sleep(20);
  }
  throw new Error(`never: ${holds.toString()}`);
}
