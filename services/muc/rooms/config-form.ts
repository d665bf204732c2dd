/** The owner's form: XEP-0045 §10.1.2 (instant room), §10.1.3 (reserved room), §10.2 (later changes). */
import { type Field, readSubmission, renderForm, type Submission } from '../../../lib/xmpp/data-form.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { xmppLimits } from '../../../lib/xmpp/limits.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Affiliation } from '../core/affiliation.ts';
import { isBroadcast, type RoomConfig } from '../core/config.ts';
import type { ConfigField } from '../core/config-field.ts';
import { putListing } from '../core/listing.ts';
import { NS_MUC, NS_MUC_OWNER } from '../core/namespaces.ts';
import { personIn } from '../core/people.ts';
import { configs } from '../core/room-rows.ts';
import type { RoomTurn } from '../core/room-turn.ts';
import { type AffiliationChange, applyAffiliationChange, checkAffiliationChanges } from './affiliation-change.ts';
import { announce } from './announce.ts';
import { configFields } from './config-fields.ts';
import { endIfEmpty, removeOccupant } from './leave.ts';
import { tellChanges } from './tell-changes.ts';

const formType = `${NS_MUC}#roomconfig`;
const protectedVar = 'muc#roomconfig_passwordprotectedroom';
const secretVar = 'muc#roomconfig_roomsecret';
/** Fields that hold the full lists, unlike items of muc#admin, which hold changes. */
const listVars = { admin: 'muc#roomconfig_roomadmins', owner: 'muc#roomconfig_roomowners' } as const;

export function sendConfigForm(turn: RoomTurn, iq: Stanza): void {
  const { config } = turn;
  const fields: Field[] = fieldsOf(turn).map(({ var: name, type, label, options, range, show }) => {
    const values = [show(config)].flat();
    return { var: name, type, label, range, options: options && withCurrent(options, values), values };
  });
  fields.push(
    { var: protectedVar, type: 'boolean', label: 'A password is needed to enter', values: [config.password ? '1' : '0'] },
    { var: secretVar, type: 'text-private', label: 'The password', values: [config.password] },
  );
  for (const [affiliation, label] of [
    ['admin', 'All admins'],
    ['owner', 'All owners'],
  ] as const) {
    const values = holders(turn, affiliation);
    if (values.length <= xmppLimits.formValuesMax) fields.push({ var: listVars[affiliation], type: 'jid-multi', label, values });
  }
  const form = renderForm({ type: 'form', formType, title: `Configuration of ${turn.room.jid}`, fields });
  turn.result(iq, xml('query', { xmlns: NS_MUC_OWNER }, form));
}

/** The fields of every room, and those that features add. */
function fieldsOf({ dependencies }: RoomTurn): readonly ConfigField[] {
  return [...configFields, ...dependencies.features.configFields];
}

function withCurrent(options: NonNullable<Field['options']>, values: readonly string[]): Field['options'] {
  const missing = values.filter((value) => !options.some((option) => option.value === value));
  return [...options, ...missing.map((value) => ({ value }))];
}

function holders({ room }: RoomTurn, affiliation: Affiliation): string[] {
  return [...room.affiliations.values()].filter((one) => one.affiliation === affiliation).map(({ jid }) => jid);
}

/** An empty form accepts the configuration as it is. @throws {StanzaError} not-acceptable, bad-request */
export function submitConfig(turn: RoomTurn, iq: Stanza, form: Element): void {
  const before = turn.config;
  const fields = readSubmission(form, { formType, isFormTypeOptional: true });
  const after = { ...readConfig(turn, fields), isLocked: false };
  const changes = readLists(turn, fields);
  if (changes.length > 0) checkAffiliationChanges(turn, changes);
  turn.room.config = after;
  turn.put(configs, '', after);
  putListing(turn);
  turn.result(iq);
  tell(turn, before, after);
  for (const change of changes) applyAffiliationChange(turn, change);
  if (after.presenceBroadcast !== before.presenceBroadcast) showRoles(turn, before);
  if (after.membersOnly && !before.membersOnly) removeStrangers(turn);
  endIfEmpty(turn);
}

function readConfig(turn: RoomTurn, fields: Submission): RoomConfig {
  const before = turn.config;
  let config = before;
  for (const field of fieldsOf(turn)) {
    const name = [field.var, ...(field.also ?? [])].find((one) => fields.has(one));
    if (name === undefined) continue;
    const change = field.read(fields.get(name)!);
    const next = { ...config, ...change };
    // A field that comes back as it was shown was not decided by anybody. Its default may change with another field.
    if (!isSame(field.show({ ...before, ...change }), field.show(before))) config = next;
  }
  return { ...config, password: readPassword(before.password, fields) };
}

/**
 * An empty password means that no password is needed. A form that asks for protection with a blank password is refused (§10.1.3).
 */
function readPassword(before: string, fields: Submission): string {
  const secret = fields.get(secretVar)?.text();
  const isProtected = fields.get(protectedVar)?.flag();
  if (isProtected === false) return '';
  const password = secret ?? before;
  if (isProtected && password === '') throw new StanzaError('not-acceptable', 'a protected room needs a password');
  return password;
}

/** §10.2.1: changes that touch privacy have codes of their own. */
function tell(turn: RoomTurn, before: RoomConfig, after: RoomConfig): void {
  const codes: number[] = [];
  if (after.archive !== before.archive) codes.push(after.archive ? 170 : 171);
  if (after.whois !== before.whois) codes.push(after.whois === 'anyone' ? 172 : 173);
  const keys = Object.keys(after) as (keyof RoomConfig)[];
  const silent = new Set<string>(['archive', 'whois', 'isLocked']);
  if (keys.some((key) => after[key] !== before[key] && !silent.has(key))) codes.push(104);
  tellChanges(turn, codes);
}

/** Compares values as the form shows them, so that an option that was never set equals its default. */
function isSame(value: string | readonly string[], before: string | readonly string[]): boolean {
  return JSON.stringify(value) === JSON.stringify(before);
}

/**
 * §10.2: these lists are full ones. People who are missing in them are degraded: owners to admins, unless the form lists the
 * admins, too; admins to members. An empty list of admins degrades all of them. A list of owners cannot be empty.
 * @throws {StanzaError} jid-malformed, not-acceptable, also for an address that is not a person's
 */
function readLists(turn: RoomTurn, fields: Submission): AffiliationChange[] {
  const wanted = new Map<string, Affiliation>();
  const stated = new Set<Affiliation>();
  for (const affiliation of ['admin', 'owner'] as const) {
    const given = fields.get(listVars[affiliation])?.jids((text) => holderIn(turn, text, affiliation));
    if (given === undefined) continue;
    if (affiliation === 'owner' && given.length === 0) throw new StanzaError('not-acceptable', 'a room needs an owner');
    stated.add(affiliation);
    for (const jid of given) wanted.set(jid.toString(), affiliation);
  }
  for (const affiliation of stated) {
    const less = affiliation === 'owner' && !stated.has('admin') ? 'admin' : 'member';
    for (const jid of holders(turn, affiliation)) if (!wanted.has(jid)) wanted.set(jid, less);
  }
  return [...wanted]
    .filter(([jid, affiliation]) => turn.room.affiliations.get(jid)?.affiliation !== affiliation)
    .map(([jid, affiliation]) => ({ jid: Jid.parse(jid), affiliation, reason: undefined }));
}

/** The address of a person, or any address that an older version has let into the list, because the form sends it back. */
function holderIn(turn: RoomTurn, text: string, affiliation: Affiliation): Jid {
  const { bare } = Jid.parse(text);
  return turn.room.affiliations.get(bare.toString())?.affiliation === affiliation ? bare : personIn(turn, text);
}

/** The presence of other roles is broadcast now. Occupants of these roles appear to the others, and some seem to leave. */
function showRoles(turn: RoomTurn, before: RoomConfig): void {
  for (const occupant of turn.room.occupants.values()) {
    const was = isBroadcast(before, occupant.role);
    const is = isBroadcast(turn.config, occupant.role);
    if (was === is) continue;
    const others = [...turn.room.seats.values()].filter((one) => one.occupant !== occupant);
    const unavailable = is ? undefined : {};
    announce(turn, { occupant, seat: occupant.seats.at(-1)!, unavailable, isForced: true }, others);
  }
}

/** §10.2: the room is members-only now. Occupants who are not members leave with status 322. */
function removeStrangers(turn: RoomTurn): void {
  for (const occupant of [...turn.room.occupants.values()]) {
    if (turn.room.affiliationOf(occupant.bare) === 'none') removeOccupant(turn, occupant, { statuses: [322] });
  }
}
