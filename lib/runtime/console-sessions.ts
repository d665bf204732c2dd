/**
 * Sessions of the console, and the links that begin one, in the partition `#console` of `live`. The key of a row is the SHA-256 of a random
 * token that only the browser has, so neither a copy of the rows nor somebody who listens on the bus can use a session.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '../ports/clock.ts';
import { Conflict, type Store } from '../ports/store.ts';
import { collection } from './collection.ts';
import { runtimeLimits } from './limits.ts';
import { Rows } from './rows.ts';
import { secretBytes } from './secrets.ts';
import { update } from './update.ts';

/** The account that a session is of, and what has to stay as it was. */
export interface SessionAccount {
  readonly domain: string;
  readonly local: string;
  /** When the tenant was added, and which account of its name and which password it was. */
  readonly tenantSince: string;
  readonly incarnation?: string | undefined;
  readonly password: string;
}

export interface ConsoleSession {
  /** Absent: somebody with a link, which only operators on the machine of the service can make. */
  readonly account?: SessionAccount | undefined;
  readonly createdAt: string;
  readonly expiresMs: number;
  /** When they last showed who they are. */
  readonly provenMs: number;
}

const sessions = collection<ConsoleSession>('consoleSession', 'deployment', 'live');
const links = collection<{ readonly expiresMs: number }>('consoleLink', 'deployment', 'live');

interface Place {
  readonly store: Store;
  readonly clock: Clock;
}

function rowsOf({ store }: Pick<Place, 'store'>): Rows {
  return Rows.ofDeployment(store, 'console');
}

/** A new token of a link or of a session, 43 characters. */
export function newToken(clock: Clock): string {
  return clock.randomBytes(secretBytes).toString('base64url');
}

/** The name of a token's row. */
export function tokenDigest(token: string): string {
  return createHash('sha256').update(`console ${token}`).digest('base64url');
}

/** @returns the token of a link that can be used once. @throws {Unavailable} */
export async function makeLink(place: Place): Promise<{ readonly token: string; readonly expiresMs: number }> {
  const token = newToken(place.clock);
  const expiresMs = place.clock.now() + runtimeLimits.consoleLinkMs;
  await rowsOf(place).put(links, tokenDigest(token), { expiresMs }, 'absent', expiresMs);
  return { token, expiresMs };
}

/** Uses a link up: of several who try at the same time, one wins. @returns whether it was good. @throws {Unavailable} */
export async function takeLink(place: Place, digest: string): Promise<boolean> {
  const rows = rowsOf(place);
  const found = await rows.get(links, digest);
  if (found === undefined || found.value.expiresMs <= place.clock.now()) return false;
  try {
    return await rows.delete(links, digest, { version: found.version });
  } catch (error) {
    if (error instanceof Conflict) return false;
    throw error;
  }
}

/** @throws {Unavailable} */
export async function beginSession(place: Place, digest: string, account: SessionAccount | undefined): Promise<ConsoleSession> {
  const nowMs = place.clock.now();
  const expiresMs = nowMs + runtimeLimits.consoleSessionMs;
  const session: ConsoleSession = { account, createdAt: new Date(nowMs).toISOString(), expiresMs, provenMs: nowMs };
  await rowsOf(place).put(sessions, digest, session, 'absent', expiresMs);
  return session;
}

/** @throws {Unavailable} */
export async function findSession(place: Place, digest: string): Promise<ConsoleSession | undefined> {
  const session = (await rowsOf(place).get(sessions, digest))?.value;
  return session !== undefined && session.expiresMs > place.clock.now() ? session : undefined;
}

/** Notes that the holder has just shown who they are. @throws {Unavailable} */
export async function proveSession(place: Place, digest: string): Promise<ConsoleSession | undefined> {
  const found = await findSession(place, digest);
  if (found === undefined) return undefined;
  const provenMs = place.clock.now();
  return update(rowsOf(place), sessions, digest, (there) => there && { ...there, provenMs }, found.expiresMs);
}

export async function endConsoleSession(place: Pick<Place, 'store'>, digest: string): Promise<void> {
  await rowsOf(place).delete(sessions, digest);
}

/** Have they shown who they are of late? */
export function isProven({ provenMs }: ConsoleSession, clock: Clock): boolean {
  return clock.now() - provenMs < runtimeLimits.consoleProofMs;
}
