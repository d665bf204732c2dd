/**
 * What operators have done: an append-only log of rows, chained by hash, so that a row that was changed or taken out is noticed. Each tenant
 * has its own, which goes with the tenant; what concerns the deployment stands in `#audit`.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '../ports/clock.ts';
import { Conflict, type Store, Unavailable } from '../ports/store.ts';
import { collection } from './collection.ts';
import { runtimeLimits } from './limits.ts';
import { Rows } from './rows.ts';

export interface AuditFacts {
  /** Who: `operator` on this machine, `key ID`, the address of an admin, or `console ID` for whoever came to the console by a link. */
  readonly by: string;
  /** The address that the request came from, where there was one. */
  readonly address?: string | undefined;
  readonly operation: string;
  /** The input, without secrets. */
  readonly input: Readonly<Record<string, unknown>>;
  /** `begun` before anything was changed; then `done`, or why not. */
  readonly outcome: string;
  /** What was changed, where that does not follow from the input. */
  readonly change?: { readonly before: unknown; readonly after: unknown } | undefined;
}

export interface AuditEntry extends AuditFacts {
  /** Counts from 1 without a gap. */
  readonly number: number;
  readonly at: string;
  /** SHA-256 over the hash of the entry before and this one, hex. */
  readonly hash: string;
}

const ofTenant = collection<AuditEntry>('audit', 'tenant');
const ofDeployment = collection<AuditEntry>('audit', 'deployment');
const digits = 12;

/** @param domain absent for the log of the deployment */
function logOf(store: Store, domain: string | undefined) {
  return domain === undefined
    ? { rows: Rows.ofDeployment(store, 'audit'), entries: ofDeployment }
    : { rows: Rows.ofTenant(store, domain), entries: ofTenant };
}

/** The last append of each log in this process, by store: those of one process come one after another and do not compete for a number. */
const last = new WeakMap<Store, Map<string, Promise<void>>>();

/** @throws {Unavailable} when the log cannot be written; then nothing should be done */
export function appendAudit(
  { store, clock }: { readonly store: Store; readonly clock: Clock },
  domain: string | undefined,
  facts: AuditFacts,
): Promise<void> {
  const logs = last.get(store) ?? new Map<string, Promise<void>>();
  last.set(store, logs);
  const name = domain ?? '';
  const before = logs.get(name) ?? Promise.resolve();
  const appended = before.catch(() => {}).then(() => append(store, clock, domain, facts));
  logs.set(name, appended);
  const forget = () => void (logs.get(name) === appended && logs.delete(name));
  appended.then(forget, forget);
  return appended;
}

async function append(store: Store, clock: Clock, domain: string | undefined, facts: AuditFacts): Promise<void> {
  const { rows, entries } = logOf(store, domain);
  for (let tries = 0; tries < runtimeLimits.updateTriesMax; tries++) {
    const [newest] = await rows.list(entries, { limit: 1, backward: true });
    const number = (newest?.value.number ?? 0) + 1;
    const entry = { number, at: new Date(clock.now()).toISOString(), ...facts, ...withChange(facts) };
    try {
      await rows.put(entries, keyOf(number), { ...entry, hash: chained(newest?.value.hash, entry) }, 'absent');
      return;
    } catch (error) {
      if (!(error instanceof Conflict)) throw error; // another process has taken the number
    }
  }
  throw new Unavailable('the audit log is written by too many at once');
}

/** What was not there before, or is not there any more, is null: a row keeps no field that is undefined, and then the entry lacks it. */
function withChange({ change }: AuditFacts): Pick<AuditFacts, 'change'> {
  return change === undefined ? {} : { change: { before: change.before ?? null, after: change.after ?? null } };
}

/** Entries in their order. @param after the number of the last one of the page before */
export async function listAudit(
  store: Store,
  domain: string | undefined,
  limit: number,
  after = 0,
): Promise<readonly AuditEntry[]> {
  const { rows, entries } = logOf(store, domain);
  return (await rows.list(entries, { limit, after: keyOf(after) })).map(({ value }) => value);
}

/** The newest first. @param before the number of the last one of the page before; absent for the first page */
export async function listAuditBackward(
  store: Store,
  domain: string | undefined,
  limit: number,
  before?: number,
): Promise<readonly AuditEntry[]> {
  const { rows, entries } = logOf(store, domain);
  const options = { limit, backward: true, ...(before !== undefined && { before: keyOf(before) }) };
  return (await rows.list(entries, options)).map(({ value }) => value);
}

/**
 * @param before the entry before the first one; absent when that is the beginning of the log
 * @returns the number of the first entry that is missing, or was changed; undefined when the chain is whole
 */
export function findBreak(entries: readonly AuditEntry[], before?: AuditEntry): number | undefined {
  let previous = before;
  for (const one of entries) {
    const { hash, ...entry } = one;
    const expected = (previous?.number ?? 0) + 1;
    if (entry.number !== expected) return expected;
    if (hash !== chained(previous?.hash, entry)) return expected;
    previous = one;
  }
  return undefined;
}

function keyOf(number: number): string {
  return `${number}`.padStart(digits, '0');
}

function chained(previous: string | undefined, entry: Omit<AuditEntry, 'hash'>): string {
  const { number, at, by, address, operation, input, outcome, change } = entry;
  const told = [previous ?? '', number, at, by, address ?? '', operation, input, outcome];
  const text = JSON.stringify(change === undefined ? told : [...told, change]);
  return createHash('sha256').update(text).digest('hex');
}
