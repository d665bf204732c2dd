/**
 * Old entries of an audit log go in their time. The rest has to be as good a proof as before, so first a checkpoint says which entry is the
 * last one that goes, with its hash; then the entries go. Whoever dies between the two leaves entries that nobody is shown, and the next
 * one deletes them.
 *
 * Nothing goes from a log that is not whole: what is left of it shows where it was changed. The newest entry stays however old it is, so
 * the end of a log that goes on behind its checkpoint cannot be taken out unnoticed.
 */
import { Conflict, type Store } from '../ports/store.ts';
import { auditKey, auditLogOf, findBreak, listAudit, readDroppedAudit } from './audit.ts';
import { runtimeLimits } from './limits.ts';

export interface AuditDrop {
  /** How many entries went. */
  readonly count: number;
  /** The entry that is missing or was changed, if there is one: from there on the log is kept. */
  readonly brokenAt?: number | undefined;
}

/**
 * @param domain absent for the log of the deployment
 * @param beforeMs entries that were written before this time go, by the clock of the deployment
 * @param mayGoOn runs before each change; false: the tenant is not there any more, and nothing may be written for it
 * @throws {Unavailable} what was begun is finished the next time
 */
export async function dropOldAudit(
  store: Store,
  domain: string | undefined,
  beforeMs: number,
  mayGoOn: () => Promise<boolean> = async () => true,
): Promise<AuditDrop> {
  const { rows, entries, dropped } = auditLogOf(store, domain);
  const max = runtimeLimits.eraseRowsMax;
  let count = 0;
  for (let page = 0; page < runtimeLimits.auditDropPagesMax; page++) {
    const last = await readDroppedAudit(store, domain);
    const after = last?.value.number ?? 0;
    const found = await listAudit(store, domain, max + 1, after);
    const brokenAt = found.length === 0 ? last && after + 1 : findBreak(found, last?.value);
    // Another process may have moved the checkpoint meanwhile, and deletes what is behind it.
    if (brokenAt !== undefined)
      return { count, brokenAt: (await readDroppedAudit(store, domain))?.version === last?.version ? brokenAt : undefined };
    if (!(await mayGoOn())) return { count };
    if (last !== undefined) await rows.deleteAll(entries, { before: auditKey(after + 1) });
    const young = found.findIndex(({ at }) => Date.parse(at) >= beforeMs);
    const going = found.slice(0, young === -1 ? -1 : young);
    const end = going.at(-1);
    if (end === undefined) return { count };
    const { number, at, hash } = end;
    try {
      await rows.put(dropped, '', { number, at, hash }, last === undefined ? 'absent' : { version: last.version });
    } catch (error) {
      if (error instanceof Conflict) return { count };
      throw error;
    }
    await rows.deleteMany(
      entries,
      going.map((one) => auditKey(one.number)),
    );
    count += going.length;
  }
  return { count };
}
