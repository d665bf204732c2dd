/**
 * XEP-0313: Message Archive Management of rooms. Queries read the archive beside the room's queue, so that nobody's messages wait
 * for them. The results come as messages, and the answer to the iq after them. What goes into the archive is decided in
 * rooms/archive.ts.
 *
 * The filter `with` takes the address of an occupant, or a real address when the reader may know who that is. There is no index
 * by sender: a bounded number of entries is looked at for one page, and the page says where to go on. Entries are counted only
 * when nothing else is asked for (`<max>0</max>`, XEP-0059 §2.7), and up to that bound.
 *
 * DEVIATION from §5.1.2: only those who may see JIDs anyway learn who wrote the messages from the time when the room was
 * semi-anonymous.
 */
import {
  type Archive,
  type ArchiveQuery,
  archiveForm,
  finElement,
  NS_MAM,
  readArchivePage,
  readArchiveRequest,
  walkRows,
} from '../../../lib/runtime/archive-page.ts';
import { narrowed, searchFields } from '../../../lib/runtime/archive-search.ts';
import type { Item } from '../../../lib/runtime/rows.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { Stanza } from '../../../lib/xmpp/stanza.ts';
import { affiliationRank } from '../core/affiliation.ts';
import { resultOf } from '../core/replies.ts';
import type { RoomFeature } from '../core/room-feature.ts';
import { type Archived, messages } from '../core/room-rows.ts';
import type { RoomTurn } from '../core/room-turn.ts';
import { roomLimits } from '../limits.ts';
import { stampOf } from '../rooms/history.ts';
import { archiveResult } from './xep0313-result.ts';

export const archive: RoomFeature = {
  specs: [
    {
      spec: 'XEP-0313',
      version: '1.1.3',
      title: 'Message Archive Management of rooms',
      note: 'The filter `with` looks at a bounded number of entries for each page. The writers of messages from the time when the room was semi-anonymous stay hidden when it is non-anonymous.',
    },
  ],
  disco: { room: (config) => (config.archive ? [NS_MAM, `${NS_MAM}#extended`] : []) },
  iq: [
    { type: 'get', ns: NS_MAM, name: 'query', handle: describeArchive },
    { type: 'set', ns: NS_MAM, name: 'query', handle: queryArchive, changes: () => 0 },
    { type: 'get', ns: NS_MAM, name: 'metadata', handle: archiveMetadata },
  ],
};

type MayKnow = (entry: Archived) => boolean;

/** XEP-0313 §5.1.2: whoever may enter may read. @throws {StanzaError} */
function checkMayRead(turn: RoomTurn): void {
  const { config, affiliation } = turn;
  if (config.isLocked && affiliation !== 'owner') throw new StanzaError('item-not-found');
  if (affiliation === 'outcast') throw new StanzaError('forbidden', 'you are banned from this room');
  const isMember = affiliationRank(affiliation) >= affiliationRank('member');
  if (config.membersOnly && !isMember) throw new StanzaError('forbidden', 'the archive is for members');
  if (config.password !== '' && !isMember && !turn.own) throw new StanzaError('forbidden', 'enter the room first');
  if (!config.archive) throw new StanzaError('feature-not-implemented', 'this room keeps no archive');
}

/** §4.1.5: the fields that a client may filter by. */
function describeArchive(turn: RoomTurn, iq: Stanza): void {
  checkMayRead(turn);
  turn.result(iq, archiveForm(searchFields(turn.tenant, turn.dependencies.store)));
}

/** §4. @throws {StanzaError} */
function queryArchive(turn: RoomTurn, iq: Stanza, request: Element): void {
  checkMayRead(turn);
  const {
    query,
    page: asked,
    isFlipped,
    queryid,
  } = readArchiveRequest(request, searchFields(turn.tenant, turn.dependencies.store));
  if (query.text !== undefined) turn.demandPace('search');
  const { config, room } = turn;
  const seesJids = turn.own?.occupant.role === 'moderator' || turn.isAdmin;
  const mayKnow: MayKnow = (entry) => seesJids || (config.whois === 'anyone' && entry.isOpen === true);
  const { archiveEntriesPerRound } = roomLimits;
  const entries = narrowed(archiveOf(turn, query, mayKnow), query, turn.rows, messages, archiveEntriesPerRound);
  turn.defer(iq, async () => {
    const page = await readArchivePage(entries, query, asked);
    const shown = isFlipped ? page.items.toReversed() : page.items;
    const results = shown.map(({ key: id, value }) =>
      archiveResult(value, { room: room.jid, id, queryid, hasJid: mayKnow(value) }),
    );
    return [...results, Buffer.from(resultOf(iq, finElement(page)).toString())];
  });
}

function archiveOf(turn: RoomTurn, query: ArchiveQuery, mayKnow: MayKnow): Archive<Archived> {
  const { rows, config } = turn;
  const isWanted = query.with && isBy(turn, query.with, mayKnow);
  return {
    floor: config.since,
    aheadMaxMs: turn.dependencies.clock.aheadMaxMs,
    isCounted: true,
    find: (ids) => rows.getMany(messages, ids),
    walk: (range) =>
      walkRows(
        rows,
        messages,
        isWanted ? { ...range, most: roomLimits.archiveEntriesPerRound } : range,
        roomLimits.archiveEntriesPerRound,
      ),
    isKept: ({ isTransient }) => !isTransient,
    isWanted,
  };
}

/** §4.1.1: the filter by writer; undefined when all entries pass. */
function isBy({ room }: RoomTurn, wanted: Jid, mayKnow: MayKnow): ((entry: Archived) => boolean) | undefined {
  if (wanted.equals(room.jid)) return undefined;
  if (wanted.bare.equals(room.jid)) {
    const from = wanted.toString();
    return ({ xml: written }) => Stanza.parse(written).attributes.from === from;
  }
  return (entry) => {
    if (!mayKnow(entry)) return false;
    const writer = Jid.parse(entry.jid);
    return wanted.isBare ? writer.bare.equals(wanted) : writer.equals(wanted);
  };
}

/** §5: the first and the last entry. */
function archiveMetadata(turn: RoomTurn, iq: Stanza): void {
  checkMayRead(turn);
  const entries = archiveOf(turn, {}, () => false);
  turn.defer(iq, async () => {
    const [first, last] = await Promise.all([
      readArchivePage(entries, {}, { max: 1 }),
      readArchivePage(entries, {}, { max: 1, before: '' }),
    ]);
    const show = (name: string, item: Item<Archived> | undefined) =>
      item && xml(name, { id: item.key, timestamp: stampOf(item.value) });
    const metadata = xml('metadata', { xmlns: NS_MAM }, show('start', first.items[0]), show('end', last.items[0]));
    return [Buffer.from(resultOf(iq, metadata).toString())];
  });
}
