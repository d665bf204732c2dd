/**
 * A room's archive as {@link readArchivePage} reads it (XEP-0313 §4). Runs beside the room's queue, so that nobody's typing waits for it;
 * the results come as messages, then the iq's answer.
 *
 * The filter `with` takes an occupant's address, or a real one of whom the reader may know. There is no index by sender: so many
 * entries are looked at for one page, and the page says where to go on. Likewise entries are counted only when nothing else is asked
 * for (`<max>0</max>`, XEP-0059 §2.7), and up to that bound.
 *
 * DEVIATION from §5.1.2: of what was said while the room was semi-anonymous, only those who may see JIDs anyway learn who said it.
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
import type { Item } from '../../../lib/runtime/rows.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { Stanza } from '../../../lib/xmpp/stanza.ts';
import { affiliationRank } from '../core/affiliation.ts';
import { type Archived, messages } from '../core/room-rows.ts';
import { type RoomTurn, resultOf } from '../core/room-turn.ts';
import { roomLimits } from '../limits.ts';
import { archiveResult } from './archive-result.ts';
import { stampOf } from './history.ts';

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
export function describeArchive(turn: RoomTurn, iq: Stanza): void {
  checkMayRead(turn);
  turn.result(iq, archiveForm());
}

/** §4. @throws {StanzaError} */
export function queryArchive(turn: RoomTurn, iq: Stanza, request: Element): void {
  checkMayRead(turn);
  const { query, page: asked, isFlipped, queryid } = readArchiveRequest(request);
  const { config, room } = turn;
  const seesJids = turn.own?.occupant.role === 'moderator' || affiliationRank(turn.affiliation) >= affiliationRank('admin');
  const mayKnow: MayKnow = (entry) => seesJids || (config.whois === 'anyone' && entry.isOpen === true);
  const archive = archiveOf(turn, query, mayKnow);
  turn.defer(iq, async () => {
    const page = await readArchivePage(archive, query, asked);
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

/** §4.1.1: by who wrote it; undefined: by everybody. */
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
export function archiveMetadata(turn: RoomTurn, iq: Stanza): void {
  checkMayRead(turn);
  const archive = archiveOf(turn, {}, () => false);
  turn.defer(iq, async () => {
    const [first, last] = await Promise.all([
      readArchivePage(archive, {}, { max: 1 }),
      readArchivePage(archive, {}, { max: 1, before: '' }),
    ]);
    const show = (name: string, item: Item<Archived> | undefined) =>
      item && xml(name, { id: item.key, timestamp: stampOf(item.value) });
    const metadata = xml('metadata', { xmlns: NS_MAM }, show('start', first.items[0]), show('end', last.items[0]));
    return [Buffer.from(resultOf(iq, metadata).toString())];
  });
}
