/**
 * What operators have done: an append-only log of rows, chained by hash, so that a row that was changed or taken out is noticed. Each tenant
 * has its own, which goes with the tenant; what concerns the deployment stands in `#audit`.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '../ports/clock.ts';
import { Conflict, type Store, Unavailable } from '../ports/store.ts';
import { type Collection, collection } from './collection.ts';
import { runtimeLimits } from './limits.ts';
import { type Item, Rows } from './rows.ts';

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

/** What the next entry of a chain goes on from. */
export interface ChainEnd {
  /** Counts from 1 without a gap. */
  readonly number: number;
  /** SHA-256 over the hash of the entry before and this one, hex. */
  readonly hash: string;
}

export interface AuditEntry extends AuditFacts, ChainEnd {
  readonly at: string;
}

/** The checkpoint of a log whose old entries are not kept: its last entry of those. The log begins behind it. */
export interface DroppedAudit extends ChainEnd {
  readonly at: string;
}

const ofTenant = collection<AuditEntry>('audit', 'tenant');
const ofDeployment = collection<AuditEntry>('audit', 'deployment');
const droppedOfTenant = collection<DroppedAudit>('audit-dropped', 'tenant');
const droppedOfDeployment = collection<DroppedAudit>('audit-dropped', 'deployment');
const digits = 12;

interface AuditLog {
  readonly rows: Rows;
  readonly entries: Collection<AuditEntry>;
  readonly dropped: Collection<DroppedAudit>;
}

/** @param domain absent for the log of the deployment */
export function auditLogOf(store: Store, domain: string | undefined): AuditLog {
  return domain === undefined
    ? { rows: Rows.ofDeployment(store, 'audit'), entries: ofDeployment, dropped: droppedOfDeployment }
    : { rows: Rows.ofTenant(store, domain), entries: ofTenant, dropped: droppedOfTenant };
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
  const { rows, entries, dropped } = auditLogOf(store, domain);
  for (let tries = 0; tries < runtimeLimits.updateTriesMax; tries++) {
    const [newest] = await rows.list(entries, { limit: 1, backward: true });
    const end: ChainEnd | undefined = newest?.value ?? (await endOfNothing(rows, dropped));
    const number = (end?.number ?? 0) + 1;
    const entry = { number, at: new Date(clock.now()).toISOString(), ...facts, ...withChange(facts) };
    try {
      await rows.put(entries, auditKey(number), { ...entry, hash: chained(end?.hash, entry) }, 'absent');
      return;
    } catch (error) {
      if (!(error instanceof Conflict)) throw error; // another process has taken the number
    }
  }
  throw new Unavailable('the audit log is written by too many at once');
}

/** The newest entry is never dropped, so behind a checkpoint there was one: where somebody has taken out all of them, a gap stays. */
async function endOfNothing(rows: Rows, dropped: AuditLog['dropped']): Promise<ChainEnd | undefined> {
  const last = (await rows.get(dropped))?.value;
  return last && { ...last, number: last.number + 1 };
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
  const { rows, entries } = auditLogOf(store, domain);
  return (await rows.list(entries, { limit, after: auditKey(after) })).map(({ value }) => value);
}

/** The newest first. @param before the number of the last one of the page before; absent for the first page */
export async function listAuditBackward(
  store: Store,
  domain: string | undefined,
  limit: number,
  before?: number,
): Promise<readonly AuditEntry[]> {
  const { rows, entries } = auditLogOf(store, domain);
  const options = { limit, backward: true, ...(before !== undefined && { before: auditKey(before) }) };
  return (await rows.list(entries, options)).map(({ value }) => value);
}

/** @returns undefined when there is none */
export async function findAudit(store: Store, domain: string | undefined, number: number): Promise<AuditEntry | undefined> {
  const { rows, entries } = auditLogOf(store, domain);
  return (await rows.get(entries, auditKey(number)))?.value;
}

/** Whoever reads it after entries finds that entries which were not there any more are behind it. */
export function readDroppedAudit(store: Store, domain: string | undefined): Promise<Item<DroppedAudit> | undefined> {
  const { rows, dropped } = auditLogOf(store, domain);
  return rows.get(dropped);
}

/**
 * @param before the entry before the first one; absent when that is the beginning of the log
 * @returns the number of the first entry that is missing, or was changed; undefined when the chain is whole
 */
export function findBreak(entries: readonly AuditEntry[], before?: ChainEnd): number | undefined {
  let previous: ChainEnd | undefined = before;
  for (const one of entries) {
    const { hash, ...entry } = one;
    const expected = (previous?.number ?? 0) + 1;
    if (entry.number !== expected) return expected;
    if (hash !== chained(previous?.hash, entry)) return expected;
    previous = one;
  }
  return undefined;
}

export function auditKey(number: number): string {
  return `${number}`.padStart(digits, '0');
}

function chained(previous: string | undefined, entry: Omit<AuditEntry, 'hash'>): string {
  const { number, at, by, address, operation, input, outcome, change } = entry;
  const told = [previous ?? '', number, at, by, address ?? '', operation, input, outcome];
  const text = JSON.stringify(change === undefined ? told : [...told, change]);
  return createHash('sha256').update(text).digest('hex');
}
