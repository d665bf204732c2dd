/** Pubsub: who is subscribed is told of what was published and confirmed, once in a session, in the order of its publisher. */
import { isBehindRead } from './behind-read.ts';
import type { History } from './history.ts';
import { newsIn, type Publication } from './news-history.ts';
import type { StoreRows } from './store-rows.ts';
import type { Witness } from './witness.ts';

export interface NewsFindings {
  readonly history: History;
  readonly witness: Witness;
  readonly rows: StoreRows;
}

export function checkNews(findings: NewsFindings): string[] {
  return [...checkTold(findings), ...checkOnce(findings), ...checkOrder(findings), ...checkLeft(findings)];
}

function confirmed({ history }: NewsFindings): readonly Publication[] {
  return [...history.news.published.values()].filter(({ state }) => state === 'confirmed');
}

function checkTold(findings: NewsFindings): string[] {
  const { history, witness } = findings;
  const { news, remote } = history;
  const faults: string[] = [];
  const heardBy = new Map<string, Set<string>>();
  for (const [{ account }, heard] of news.heard) {
    const ids = heardBy.get(account) ?? new Set();
    heardBy.set(account, ids);
    for (const { id } of heard) ids.add(id);
  }
  for (const { id } of confirmed(findings)) {
    for (const account of news.subscribers) {
      if (!witness.isArchived(account, id)) faults.push(`untold: ${id} was confirmed and is not in the archive of ${account}`);
      else if (!heardBy.get(account)?.has(id) && !isBehindRead(findings, account, id))
        faults.push(`untold: ${id} was confirmed and no client of ${account} has it`);
    }
    const message = news.messageOf.get(id) ?? '';
    for (const stranger of news.strangers)
      if (remote.lastOf(`${id} ${stranger}`) === undefined && !remote.bounced.has(message))
        faults.push(`untold: ${id} was confirmed, and ${stranger} has it not, nor did it bounce`);
  }
  return faults;
}

function checkOnce({ history }: NewsFindings): string[] {
  const faults: string[] = [];
  for (const [session, heard] of history.news.heard) {
    const seen = new Set<string>();
    for (const { id } of heard) {
      if (seen.has(id)) faults.push(`told twice: session ${session.number} of ${session.client} was told ${id} twice`);
      seen.add(id);
    }
  }
  return faults;
}

/** What comes from the archive carries its time. */
function checkOrder({ history, witness }: NewsFindings): string[] {
  const faults: string[] = [];
  for (const [session, heard] of history.news.heard) {
    const last = new Map<string, Publication>();
    for (const { id, isDelayed, stanzaId } of heard) {
      const publication = history.news.published.get(id);
      if (publication?.state !== 'confirmed' || isDelayed || witness.wasLate(stanzaId)) continue;
      const lane = `${id.split('.')[0]} ${publication.session} ${publication.node}`;
      const before = last.get(lane);
      if (before !== undefined && before.number > publication.number)
        faults.push(`order: session ${session.number} of ${session.client} was told ${id} after ${before.id}`);
      else last.set(lane, publication);
    }
  }
  return faults;
}

/** Nothing waits any more. */
function checkLeft(findings: NewsFindings): string[] {
  const ids = new Set(confirmed(findings).map(({ id }) => id));
  return findings.rows
    .all('live')
    .filter(({ sort }) => /^(?:out|fanOut)\//.test(sort))
    .filter(({ value }) => ids.has(newsIn(`${value}`) ?? ''))
    .map(({ partition, sort }) => `row: ${partition} ${sort} is still there`);
}
