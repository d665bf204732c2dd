/** The owner's form: XEP-0045 §10.1.2 (instant room), §10.1.3 (reserved room), §10.2 (later changes). */
import { type Element, xml } from '../../lib/xmpp/element.ts';
import { StanzaError } from '../../lib/xmpp/errors.ts';
import type { Stanza } from '../../lib/xmpp/stanza.ts';
import type { RoomConfig } from './config.ts';
import { configFields } from './config-fields.ts';
import { type Field, readForm, renderForm } from './data-form.ts';
import { endIfEmpty, removeOccupant } from './leave.ts';
import { NS_MUC, NS_MUC_OWNER, NS_MUC_USER } from './namespaces.ts';
import { configs } from './room-rows.ts';
import type { RoomTurn } from './room-turn.ts';

const formType = `${NS_MUC}#roomconfig`;
const protectedVar = 'muc#roomconfig_passwordprotectedroom';
const secretVar = 'muc#roomconfig_roomsecret';

export function sendConfigForm(turn: RoomTurn, iq: Stanza): void {
  const { config } = turn;
  const fields: Field[] = configFields.map(({ var: name, type, label, options, show }) => ({
    var: name,
    type,
    label,
    options: options && withCurrent(options, show(config)),
    values: [show(config)],
  }));
  fields.push(
    { var: protectedVar, type: 'boolean', label: 'A password is needed to enter', values: [config.password ? '1' : '0'] },
    { var: secretVar, type: 'text-private', label: 'The password', values: [config.password] },
  );
  const form = renderForm({ type: 'form', formType, title: `Configuration of ${turn.room.jid}`, fields });
  turn.result(iq, xml('query', { xmlns: NS_MUC_OWNER }, form));
}

function withCurrent(options: NonNullable<Field['options']>, value: string): Field['options'] {
  return options.some((option) => option.value === value) ? options : [...options, { value }];
}

/** An empty form takes what is there already. @throws {StanzaError} not-acceptable, bad-request */
export function submitConfig(turn: RoomTurn, iq: Stanza, form: Element): void {
  const before = turn.config;
  const after = { ...readConfig(before, readForm(form)), isLocked: false };
  turn.room.config = after;
  turn.put(configs, '', after);
  turn.putDirectory(after);
  turn.result(iq);
  tell(turn, before, after);
  if (after.membersOnly && !before.membersOnly) removeStrangers(turn);
  endIfEmpty(turn);
}

function readConfig(before: RoomConfig, values: ReadonlyMap<string, readonly string[]>): RoomConfig {
  let config = before;
  for (const field of configFields) {
    const name = [field.var, ...(field.also ?? [])].find((one) => values.has(one));
    if (name !== undefined) config = { ...config, ...field.read(values.get(name)![0] ?? '') };
  }
  return { ...config, password: readPassword(before.password, values) };
}

/** §10.1.3: a protected room with a blank password is refused. */
function readPassword(before: string, values: ReadonlyMap<string, readonly string[]>): string {
  const secret = values.get(secretVar)?.[0];
  const wanted = values.get(protectedVar)?.[0];
  if (wanted === '0' || wanted === 'false') return '';
  const password = secret ?? before;
  if ((wanted === '1' || wanted === 'true') && password === '') {
    throw new StanzaError('not-acceptable', 'a protected room needs a password');
  }
  return wanted === undefined && secret === undefined ? before : password;
}

/** §10.2.1: what of it touches privacy has a code of its own. */
function tell(turn: RoomTurn, before: RoomConfig, after: RoomConfig): void {
  const codes: number[] = [];
  if (after.archive !== before.archive) codes.push(after.archive ? 170 : 171);
  if (after.whois !== before.whois) codes.push(after.whois === 'anyone' ? 172 : 173);
  const keys = Object.keys(after) as (keyof RoomConfig)[];
  const silent = new Set<string>(['archive', 'whois', 'isLocked']);
  if (keys.some((key) => after[key] !== before[key] && !silent.has(key))) codes.push(104);
  if (codes.length === 0) return;
  const statuses = codes.map((code) => xml('status', { code }));
  const message = xml(
    'message',
    { from: turn.room.jid.toString(), type: 'groupchat', id: turn.parts.ids.mint() },
    xml('x', { xmlns: NS_MUC_USER }, statuses),
  );
  turn.broadcast(Buffer.from(message.toString()));
}

/** §10.2: 322 to those who do not belong to what is members-only now. */
function removeStrangers(turn: RoomTurn): void {
  for (const occupant of [...turn.room.occupants.values()]) {
    if (turn.room.affiliationOf(occupant.bare) === 'none') removeOccupant(turn, occupant, { statuses: [322] });
  }
}
