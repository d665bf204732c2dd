/**
 * XEP-0431: Full Text Search in MAM, the same for accounts and rooms.
 *
 * The field `{urn:xmpp:fulltext:0}fulltext` narrows a query to messages that have all words of its text (`lib/xmpp/words.ts`). It is offered
 * where the store keeps an index of words and the tenant wants one. A text of signs alone finds nothing.
 *
 * The index gives candidates, and each is looked at again: what it gives is never shown for more than it is.
 */
import { portLimits } from '../ports/limits.ts';
import type { RowText, Store } from '../ports/store.ts';
import type { Field } from '../xmpp/data-form.ts';
import { StanzaError } from '../xmpp/errors.ts';
import { xmppLimits } from '../xmpp/limits.ts';
import { textOf } from '../xmpp/message-text.ts';
import { Stanza } from '../xmpp/stanza.ts';
import { wordsOf, wordsToFind } from '../xmpp/words.ts';
import { type Archive, type Archived, type ArchiveQuery, type ArchiveRange, searchField } from './archive-page.ts';
import type { Collection } from './collection.ts';
import { idCharacters, timeOfId } from './ids.ts';
import type { Item, Rows } from './rows.ts';
import type { Tenant } from './tenants.ts';

export const NS_FULLTEXT = 'urn:xmpp:fulltext:0';

/** Can archives of this tenant be searched, and are their messages to be written with a text? */
export function isSearched({ policy }: Pick<Tenant, 'policy'>, store: Store): boolean {
  return policy.search === 'on' && store.search !== undefined;
}

/** The fields for it, which the form of the archive has. */
export function searchFields(tenant: Pick<Tenant, 'policy'>, store: Store): readonly Field[] {
  return isSearched(tenant, store) ? [searchField] : [];
}

/** What an entry is found by. @returns undefined when it has no text */
export function rowText(id: string, stanza: Stanza): RowText | undefined {
  const text = textOf(stanza);
  return text === '' ? undefined : { text, atMs: timeOfId(id) };
}

/** The archive as one that is searched, when the query asks for that. @throws {StanzaError} bad-request */
export function narrowed<Entry extends Archived>(
  archive: Archive<Entry>,
  { text }: ArchiveQuery,
  rows: Rows,
  collection: Collection<Entry>,
  rowsPerRound: number,
): Archive<Entry> {
  if (text === undefined) return archive;
  const words = [...wordsAskedFor(text)];
  return {
    ...archive,
    walk: (range) => walkFound(rows, collection, words, range, rowsPerRound),
    isWanted: (entry) => (archive.isWanted?.(entry) ?? true) && hasWords(entry, words),
  };
}

/** @throws {StanzaError} bad-request */
function wordsAskedFor(text: string): ReadonlySet<string> {
  const { searchCharactersMax, searchWordsMax } = xmppLimits;
  if (text.length > searchCharactersMax)
    throw new StanzaError('bad-request', `a search has at most ${searchCharactersMax} characters`);
  const words = wordsToFind(text, searchWordsMax + 1);
  if (words.size > searchWordsMax) throw new StanzaError('bad-request', `a search has at most ${searchWordsMax} words`);
  return words;
}

function hasWords({ xml }: Archived, words: readonly string[]): boolean {
  const there = wordsOf(textOf(Stanza.parse(xml)));
  return words.length > 0 && words.every((word) => there.has(word));
}

async function* walkFound<Entry>(
  rows: Rows,
  collection: Collection<Entry>,
  words: readonly string[],
  { after: from, before: until, isBackward, most }: ArchiveRange,
  rowsPerRound: number,
): AsyncGenerator<readonly Item<Entry>[]> {
  if (words.length === 0) return;
  let [after, before] = [from, until];
  const limit = Math.min(rowsPerRound, most + 1); // one more tells whether the page is the last
  for (;;) {
    const untilMs = before === undefined ? portLimits.storeTextMsMax : timeOfBound(before);
    const found = await rows.search(collection, {
      words,
      fromMs: timeOfBound(after),
      untilMs,
      limit,
      after,
      before,
      backward: isBackward,
    });
    yield found;
    if (found.length < limit) return;
    if (isBackward) before = found.at(-1)!.key;
    else after = found.at(-1)!.key;
  }
}

/** The time of an id, or of the first id that begins so. */
function timeOfBound(bound: string): number {
  return bound === '' ? 0 : Math.min(timeOfId(bound.padEnd(idCharacters, '0')), portLimits.storeTextMsMax);
}
