/** What a round has to show for itself: every acknowledged message in its archives and at its recipients, once and in order. */
import { archivedOutOfOrder } from './checks-abroad.ts';
import { type Evidence, isKept } from './evidence.ts';
import type { Got, Said } from './journal.ts';

export interface Findings {
  readonly lost: string[];
  /** In the room's archive, but it did not reach the client of an occupant. */
  readonly unheard: string[];
  /** To a session that goes on, or handled twice although it was sent once. */
  readonly duplicated: string[];
  /** Re-sent by a client whose session was lost before it was acknowledged. */
  readonly resentTwice: number;
  /** Got by two sessions of one client, because the first had not acknowledged it. */
  readonly againAfterRebind: number;
  readonly reordered: string[];
  /**
   * Behind later ones too, but read from the archive for the recipient, with its time (XEP-0203), or sent again in a new session, or told by
   * somebody else's server.
   */
  readonly late: number;
}

export function check(evidence: Evidence): Findings {
  const kept = evidence.journal.ofRound(evidence.round).filter((said) => isKept(said) && evidence.isTheirs?.(said) !== true);
  const lost = kept.flatMap((said) => findLost(said, evidence));
  const unheard = kept.flatMap((said) => findUnheard(said, evidence));
  const duplicated: string[] = [];
  const reordered: string[] = [];
  let resentTwice = 0;
  let againAfterRebind = 0;
  let late = 0;
  for (const [who, got] of evidence.journal.got) {
    const twice = findTwice(who, got, evidence);
    duplicated.push(...twice.duplicated);
    resentTwice += twice.resent;
    againAfterRebind += twice.again;
    const order = findReordered(who, got, evidence);
    reordered.push(...order.faults);
    late += order.late;
  }
  duplicated.push(...archivedTwice(evidence));
  reordered.push(...archivedOutOfOrder(evidence));
  return { lost, unheard, duplicated, resentTwice, againAfterRebind, reordered, late };
}

/** Has everybody got what they should have by now? */
export function isAllHeard({ journal, round, hearersOf, isTheirs }: Omit<Evidence, 'archives'>): boolean {
  const heard = new Map([...journal.got].map(([who, got]) => [who, new Set(got.map(({ id }) => id))]));
  const due = journal.ofRound(round).filter((said) => isKept(said) && isTheirs?.(said) !== true);
  return due.every(({ id, to }) => hearersOf(to).every((who) => heard.get(who)?.has(id)));
}

/** Not in an archive where it belongs, or, to an account, not with its client. */
function findLost(said: Said, evidence: Evidence): string[] {
  const { id, from, to, isGroup } = said;
  const places = (isGroup ? [to] : [from, to]).filter((place) => evidence.unread?.has(place) !== true);
  const absent = places.filter((place) => !evidence.archives.get(place)?.some((entry) => entry.id === id));
  const found = absent.map((place) => `${id} is not in the archive of ${place} ${howSent(said)}`);
  return isGroup ? found : [...found, ...deafTo(said, evidence)];
}

function findUnheard(said: Said, evidence: Evidence): string[] {
  const isThere = evidence.archives.get(said.to)?.some(({ id }) => id === said.id);
  return said.isGroup && isThere ? deafTo(said, evidence) : [];
}

function deafTo(said: Said, { journal, hearersOf }: Evidence): string[] {
  const { id, to } = said;
  const deaf = hearersOf(to).filter((who) => !journal.got.get(who)?.some((got) => got.id === id));
  return deaf.map((who) => `${id} did not reach ${who} ${howSent(said)}`);
}

function howSent({ copies, repeats }: Said): string {
  return `(sent ${copies}×, repeated ${repeats}×)`;
}

/** One submission, one entry. */
function archivedTwice({ archives, journal, round }: Evidence): string[] {
  return [...archives].flatMap(([place, entries]) => {
    const counts = new Map<string, number>();
    for (const { id } of entries) counts.set(id, (counts.get(id) ?? 0) + 1);
    return [...counts].flatMap(([id, count]) => {
      const said = journal.said.get(id);
      if (said?.round !== round || count <= said.copies || isDoubledAbroad(said, place)) return [];
      return `${id} is ${count}× in the archive of ${place} ${howSent(said)}`;
    });
  });
}

/** What another server has doubled is judged by what was unconfirmed (checks-abroad.ts). */
function isDoubledAbroad({ isAbroad, to }: Said, place: string): boolean {
  return isAbroad && place === to;
}

function findTwice(who: string, got: readonly Got[], { journal, round }: Evidence) {
  const duplicated: string[] = [];
  let [resent, again] = [0, 0];
  const first = new Map<string, Got>();
  const submissions = new Map<string, Set<string>>();
  for (const each of got) {
    const said = journal.said.get(each.id);
    // What the client itself reads from an archive may overlap with what is sent to it.
    if (said?.round !== round || each.way === 'archive') continue;
    const key = each.stanzaId ?? each.id;
    const before = first.get(key);
    if (before === undefined) {
      first.set(key, each);
      const ids = submissions.get(each.id) ?? new Set();
      submissions.set(each.id, ids.add(key));
      if (ids.size > said.copies && !said.isAbroad)
        duplicated.push(`${each.id} came to ${who} as ${[...ids].join(' and ')}, sent ${said.copies}×`);
      else if (ids.size > 1 && !said.isAbroad) resent++;
    } else if (before.session === each.session) {
      duplicated.push(`${each.id} (${key}) came to ${who} twice in session ${each.session}: ${before.way}, then ${each.way}`);
    } else {
      again++;
    }
  }
  return { duplicated, resent, again };
}

/** Per sender and conversation by number; per room as its archive has it. First arrivals count. */
function findReordered(who: string, got: readonly Got[], { journal, round, archives, isTheirs }: Evidence) {
  let late = 0;
  const faults: string[] = [];
  const highest = new Map<string, Said>();
  const seen = new Set<string>();
  const places = new Map<string, { readonly place: number; readonly id: string }>();
  const positions = new Map(
    [...archives].map(([place, entries]) => [place, new Map(entries.map(({ stanzaId }, index) => [stanzaId, index]))]),
  );
  const seenIds = new Set<string>();
  for (const { id, stanzaId, from, isGroup, way } of got) {
    const said = journal.said.get(id);
    // One that was refused may come all the same, whenever that is.
    if (said === undefined || said.refused !== undefined) continue;
    const isFirst = !seen.has(id);
    seen.add(id);
    if (isFirst) {
      const key = `${said.from} ${said.to}`;
      const before = highest.get(key);
      if (before === undefined || before.number < said.number) highest.set(key, said);
      else if (said.round === round) {
        if ((way === 'delayed' && !isGroup) || said.copies > 1 || isTheirs?.(said)) late++;
        else faults.push(`${id} came to ${who} after ${before.id} ${howSent(said)}`);
      }
    }
    if (!isGroup || stanzaId === undefined || seenIds.has(stanzaId)) continue;
    seenIds.add(stanzaId);
    const place = positions.get(from)?.get(stanzaId);
    if (place === undefined) continue;
    const before = places.get(from);
    if (before === undefined || before.place < place) places.set(from, { place, id });
    else if (said.round === round)
      faults.push(`${id} came to ${who} after ${before.id}, which is behind it in the archive of ${from}`);
  }
  return { faults, late };
}
