/**
 * XEP-0433: Extended Channel Search. It finds listed rooms of a tenant by words in their names, descriptions and addresses, and
 * sorts them by address, or by number of occupants with the fullest first. The rows of the tenant's list hold all that is shown.
 * The number of occupants in them may be wrong by a tenth.
 */

import { directoryParts } from '../../../lib/runtime/directory.ts';
import { type Item, Rows } from '../../../lib/runtime/rows.ts';
import { roomsDomain, type Tenant } from '../../../lib/runtime/tenants.ts';
import { findForm, readSubmission, renderForm, type Submission } from '../../../lib/xmpp/data-form.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError, type StanzaErrorCondition, type StanzaErrorType } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { readRsm, writeRsm } from '../../../lib/xmpp/rsm.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { RoomDependencies } from '../core/dependencies.ts';
import type { RoomFeature } from '../core/room-feature.ts';
import { type ListedRoom, listed } from '../core/room-rows.ts';
import { roomLimits } from '../limits.ts';

const NS = 'urn:xmpp:channel-search:0';
const searchNs = `${NS}:search`;
const formType = `${NS}:search-params`;
const byAddress = `{${NS}:order}address`;
const byUsers = `{${NS}:order}nusers`;
const roomType = 'xep-0045';

export const search: RoomFeature = {
  specs: [{ spec: 'XEP-0433', version: '0.1.0', title: 'Extended Channel Search' }],
  disco: { service: [searchNs] },
  serviceIq: [{ type: 'get', ns: searchNs, name: 'search', handle: searchRooms }],
};

/** What the client searches for. */
interface Wish {
  /** In lower case; when there are none, all rooms match. */
  readonly words: readonly string[];
  readonly inName: boolean;
  readonly inDescription: boolean;
  readonly inAddress: boolean;
  readonly minUsers: number;
  readonly isForRooms: boolean;
  readonly hasMostFirst: boolean;
}

/** The position of a room in the order that was asked for. As text it is the id of a page's end (XEP-0059). */
interface Place {
  readonly users: number;
  readonly key: string;
}

/** §3.2. @throws {StanzaError} */
async function searchRooms(
  request: Element,
  { dependencies, tenant }: { readonly dependencies: RoomDependencies; readonly tenant: Tenant },
  iq: Stanza,
): Promise<Element> {
  const form = findForm(request);
  if (!form) return xml('search', { xmlns: searchNs }, searchForm());
  const wish = readWish(readSubmission(form, { formType, isFormTypeOptional: true }));
  const seconds = dependencies.pace.take('search', `${roomsDomain(tenant.domain)} ${iq.from!.bare}`);
  if (seconds > 0) {
    const text = 'too many searches';
    throw refusal('resource-constraint', 'wait', 'rate-limit', text, { 'retry-after': Math.ceil(seconds) });
  }
  const page = readRsm(request, roomLimits.listMax);
  const max = Math.min(page.max, roomLimits.listMax);
  const found = wish.isForRooms ? await find(dependencies, tenant, wish) : [];
  const before = readPlace(page.before, wish);
  const after = readPlace(page.after, wish);
  const inPage = found.filter((item) => {
    const place = placeOf(item, wish);
    return (after === undefined || isBefore(after, place)) && (before === undefined || isBefore(place, before));
  });
  const shown = max === 0 ? [] : page.before !== undefined ? inPage.slice(-max) : inPage.slice(0, max);
  const addressOf = (key: string) => Jid.of(key, roomsDomain(tenant.domain)).toString();
  const endOf = (item: Item<ListedRoom> | undefined) => {
    const place = item && placeOf(item, wish);
    return place && (wish.hasMostFirst ? `${place.users} ${addressOf(place.key)}` : addressOf(place.key));
  };
  return xml(
    'result',
    { xmlns: searchNs },
    shown.map(({ key, value }) => resultItem(addressOf(key), value)),
    writeRsm(endOf(shown[0]), endOf(shown.at(-1)), found.length),
  );
}

function searchForm(): Element {
  const yes = ['true'];
  return renderForm({
    type: 'form',
    formType,
    fields: [
      { var: 'q', type: 'text-single', label: 'Search for' },
      { var: 'all', type: 'boolean', label: 'Return all entries (ignore search terms)', values: ['false'] },
      { var: 'sinname', type: 'boolean', label: 'Search in name', values: yes },
      { var: 'sindescription', type: 'boolean', label: 'Search in description', values: yes },
      { var: 'sinaddress', type: 'boolean', label: 'Search in address', values: yes },
      { var: 'min_users', type: 'text-single', label: 'Minimum number of users', values: ['0'] },
      {
        var: 'types',
        type: 'list-multi',
        label: 'Service types',
        values: [roomType],
        options: [{ value: roomType, label: 'XEP-0045 Multi-User Chats' }],
      },
      {
        var: 'key',
        type: 'list-single',
        label: 'Sort results by',
        values: [byAddress],
        options: [
          { value: byAddress, label: 'Address' },
          { value: byUsers, label: 'Number of users' },
        ],
      },
    ],
  });
}

/** A field without a value counts as absent. */
function readWish(submission: Submission): Wish {
  const given = (name: string) => (submission.get(name)?.isEmpty ? undefined : submission.get(name));
  const one = (name: string) => given(name)?.text().trim() ?? '';
  const flag = (name: string, otherwise: boolean) => given(name)?.flag() ?? otherwise;
  const key = one('key');
  if (key !== '' && key !== byAddress && key !== byUsers) {
    throw refusal('feature-not-implemented', 'modify', 'invalid-sort-key', 'results come in the order of addresses or users');
  }
  const query = one('q');
  const isAll = flag('all', false);
  if (isAll && query !== '') {
    const vars = ['all', 'q'].map((name) => xml('var', {}, name));
    throw refusal('bad-request', 'modify', 'conflicting-fields', 'either all rooms or those with these words', {}, vars);
  }
  if (!isAll && !submission.has('q')) throw refusal('bad-request', 'cancel', 'no-search-conditions', 'say what to search for');
  const words = query
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  if (!isAll && (words.length === 0 || query.length > roomLimits.searchCharactersMax)) {
    throw refusal(
      'bad-request',
      'modify',
      'invalid-search-terms',
      `give words of ${roomLimits.searchCharactersMax} characters at most`,
    );
  }
  const types = submission.get('types')?.lines() ?? [];
  return {
    words: isAll ? [] : words,
    inName: flag('sinname', true),
    inDescription: flag('sindescription', true),
    inAddress: flag('sinaddress', flag('sinaddr', true)),
    minUsers: given('min_users')?.whole({ min: 0, max: 999_999_999 }) ?? 0,
    isForRooms: types.length === 0 || types.includes(roomType),
    hasMostFirst: key === byUsers,
  };
}

function refusal(
  condition: StanzaErrorCondition,
  type: StanzaErrorType,
  name: string,
  text: string,
  attributes: Readonly<Record<string, number>> = {},
  children: readonly Element[] = [],
): StanzaError {
  const extra = xml(name, { xmlns: `${NS}:error`, ...attributes }, children);
  return new StanzaError(condition, text, { type, extra });
}

/**
 * All matching rooms, sorted. When the tenant has more rooms than the bound, only the first of each part of its directory are
 * looked at.
 */
async function find(dependencies: RoomDependencies, tenant: Tenant, wish: Wish): Promise<Item<ListedRoom>[]> {
  const lists = Array.from({ length: directoryParts }, (_, part) =>
    Rows.ofDirectory(dependencies.store, tenant.domain, part).list(listed, { limit: roomLimits.searchRowsMax }),
  );
  const rooms = (await Promise.all(lists)).flat().filter((item) => isMatch(item, wish));
  return rooms.sort((a, b) => (isBefore(placeOf(a, wish), placeOf(b, wish)) ? -1 : 1));
}

function placeOf({ key, value }: Item<ListedRoom>, { hasMostFirst }: Wish): Place {
  return { users: hasMostFirst ? (value.occupants ?? 0) : 0, key };
}

function isMatch({ key, value }: Item<ListedRoom>, wish: Wish): boolean {
  if ((value.occupants ?? 0) < wish.minUsers) return false;
  const texts = [wish.inName ? value.name : '', wish.inDescription ? (value.description ?? '') : '', wish.inAddress ? key : ''];
  const text = texts.join('\n').toLowerCase();
  return wish.words.every((word) => text.includes(word));
}

function isBefore(a: Place, b: Place): boolean {
  return a.users === b.users ? Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)) < 0 : a.users > b.users;
}

/** @throws {StanzaError} jid-malformed */
function readPlace(end: string | undefined, { hasMostFirst }: Wish): Place | undefined {
  if (end === undefined || end === '') return undefined;
  const [, users, address] = /^(?:([0-9]{1,9}) )?([\s\S]*)$/.exec(end)!;
  return { users: hasMostFirst ? Number(users ?? 0) : 0, key: Jid.parse(address!).local };
}

/** §5.2. */
function resultItem(address: string, room: ListedRoom): Element {
  const { name, description, lang, occupants, isOpen, isNonAnonymous } = room;
  const text = (element: string, value: string | undefined) => (value ? xml(element, {}, value) : undefined);
  return xml(
    'item',
    { address },
    xml('name', {}, name || Jid.parse(address).local),
    text('description', description),
    text('language', lang),
    occupants === undefined ? undefined : xml('nusers', {}, String(occupants)),
    xml('service-type', {}, roomType),
    isOpen === undefined ? undefined : xml('is-open', {}, isOpen ? 'true' : 'false'),
    isNonAnonymous === undefined
      ? undefined
      : xml('anonymity-mode', {}, isNonAnonymous ? `{${NS}:anonymity}none` : 'muc_semianonymous'),
  );
}
