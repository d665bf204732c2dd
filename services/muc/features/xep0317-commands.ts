/**
 * XEP-0317 §3.2 to §3.7: managing hats by ad-hoc commands (XEP-0050). Nothing is kept between the steps of a command: the form that
 * comes back has all of it.
 */
import { contactJid, personJid } from '../../../lib/xmpp/address-shape.ts';
import {
  emptySubmission,
  type Field,
  findForm,
  isCancelled,
  NS_DATA,
  readSubmission,
  renderForm,
  renderTable,
  type Submission,
} from '../../../lib/xmpp/data-form.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { affiliationRank } from '../core/affiliation.ts';
import { NS_COMMANDS } from '../core/namespaces.ts';
import type { Hat } from '../core/room-rows.ts';
import type { RoomTurn } from '../core/room-turn.ts';
import { roomLimits } from '../limits.ts';
import { assignHat, createHat, destroyHat, hatsOf, unassignHat } from './xep0317-hats.ts';

const formType = 'urn:xmpp:hats:commands';

interface Command {
  readonly name: string;
  /** Others than admins and owners may too. */
  readonly isOpen?: true;
  /** What is asked for; absent: nothing, the command is done at once. */
  readonly ask?: (turn: RoomTurn) => Field[];
  /** @throws {StanzaError} */
  readonly run: (turn: RoomTurn, submission: Submission) => Element | undefined;
}

const title: Field = { var: 'hats#title', type: 'text-single', label: 'Hat Title', isRequired: true };
const uri: Field = { var: 'hats#uri', type: 'text-single', label: 'Hat URI', isRequired: true };
const hue: Field = { var: 'hats#hue', type: 'text-single', label: 'Hat Hue' };
const jid: Field = { var: 'hats#jid', type: 'jid-single', label: 'User Address', isRequired: true };
const choice = ({ room }: RoomTurn): Field => ({
  var: 'hats#uri',
  type: 'list-single',
  label: 'Hat',
  isRequired: true,
  options: room.hats.hats.map((hat) => ({ label: hat.title, value: hat.uri })),
});

const commands: Readonly<Record<string, Command>> = {
  create: {
    name: 'Create or Change a Hat',
    ask: () => [title, uri, hue],
    run: (turn, submission) => void createHat(turn, readHat(submission)),
  },
  destroy: {
    name: 'Destroy a Hat',
    ask: (turn) => [choice(turn)],
    run: (turn, submission) => void destroyHat(turn, readText(submission, 'hats#uri', roomLimits.hatUriCharactersMax, 'hat')),
  },
  list: {
    name: 'List Hats',
    isOpen: true,
    run: ({ room }) =>
      renderTable({ title: 'Hats', columns: ['hats#title', 'hats#uri', 'hats#hue'], rows: room.hats.hats.map(row) }),
  },
  assign: {
    name: 'Assign a Hat',
    ask: (turn) => [jid, choice(turn)],
    run: (turn, submission) =>
      void assignHat(turn, readJid(submission, personJid), readText(submission, 'hats#uri', roomLimits.hatUriCharactersMax)),
  },
  unassign: {
    name: 'Take a Hat Away',
    ask: (turn) => [jid, choice(turn)],
    run: (turn, submission) =>
      void unassignHat(turn, readJid(submission, contactJid), readText(submission, 'hats#uri', roomLimits.hatUriCharactersMax)),
  },
  'list-assigned': {
    name: 'List Assigned Hats',
    run({ room }) {
      const rows = Object.keys(room.hats.wearers).flatMap((bare) =>
        hatsOf(room, bare).map((hat) => ({ 'hats#jid': bare, ...row(hat) })),
      );
      return renderTable({ title: 'Assigned Hats', columns: ['hats#jid', 'hats#uri', 'hats#title', 'hats#hue'], rows });
    },
  },
};

function commandOf(node: string | undefined): Command | undefined {
  const name = node?.startsWith(`${formType}:`) ? node.slice(formType.length + 1) : '';
  return Object.hasOwn(commands, name) ? commands[name] : undefined;
}

function isAllowed(turn: RoomTurn, command: Command): boolean {
  if (affiliationRank(turn.affiliation) >= affiliationRank('admin')) return true;
  return command.isOpen === true && turn.own !== undefined;
}

/** XEP-0050 §2.2: what this person can do, for disco#items. */
export function commandItems(turn: RoomTurn): Element[] {
  const from = turn.room.jid.toString();
  return Object.entries(commands)
    .filter(([, command]) => isAllowed(turn, command))
    .map(([name, command]) => xml('item', { jid: from, node: `${formType}:${name}`, name: command.name }));
}

/** XEP-0050 §2.3; undefined when the node is no command. */
export function commandInfo(node: string | undefined): Element[] | undefined {
  const command = commandOf(node);
  return (
    command && [
      xml('identity', { category: 'automation', type: 'command-node', name: command.name }),
      xml('feature', { var: NS_COMMANDS }),
      xml('feature', { var: NS_DATA }),
    ]
  );
}

/** XEP-0050 §3. @throws {StanzaError} item-not-found, forbidden, bad-request, and of the command */
export function runCommand(turn: RoomTurn, iq: Stanza, request: Element): void {
  turn.requireRoom();
  const { node, action = 'execute' } = request.attrs;
  const sessionid = request.attrs.sessionid?.slice(0, 128) ?? turn.dependencies.ids.mint();
  const command = commandOf(node);
  if (!command) throw new StanzaError('item-not-found', 'there is no such command');
  if (!isAllowed(turn, command)) throw new StanzaError('forbidden', 'hats are managed by admins and owners');
  const answer = (status: string, child?: Element) =>
    turn.result(iq, xml('command', { xmlns: NS_COMMANDS, node, sessionid, status }, child));
  if (!['cancel', 'execute', 'complete', 'next'].includes(action))
    throw new StanzaError('bad-request', 'the command has no such action');
  const form = findForm(request);
  if (action === 'cancel' || isCancelled(form)) {
    answer('canceled');
  } else if (!form && command.ask) {
    const fields = command.ask(turn);
    answer('executing', renderForm({ type: 'form', formType, title: command.name, fields }));
  } else {
    answer('completed', complete(turn, command, form));
  }
}

/** XEP-0050 §4.4: what a command cannot use of its form is a bad payload. @throws {StanzaError} */
function complete(turn: RoomTurn, command: Command, form: Element | undefined): Element | undefined {
  try {
    return command.run(turn, form ? readSubmission(form, { formType, isFormTypeOptional: true }) : emptySubmission);
  } catch (error) {
    if (!(error instanceof StanzaError) || !['bad-request', 'not-acceptable'].includes(error.condition)) throw error;
    throw new StanzaError('bad-request', error.text, { extra: xml('bad-payload', { xmlns: NS_COMMANDS }) });
  }
}

function readText(submission: Submission, name: string, charactersMax: number, also = name): string {
  const field = submission.get(name) ?? submission.get(also);
  if (!field) throw new StanzaError('bad-request', `the form has no ${name}`);
  return field.requiredText(charactersMax);
}

function readHat(submission: Submission): Hat {
  const hatUri = readText(submission, 'hats#uri', roomLimits.hatUriCharactersMax);
  if (!/^[a-z][a-z0-9+.-]*:[^\s<>"]+$/i.test(hatUri)) throw new StanzaError('bad-request', 'hats#uri is not a URI');
  const angle = submission.get('hats#hue')?.text().trim() ?? '';
  if (angle !== '' && (!/^[0-9]{1,3}(?:\.[0-9]{1,12})?$/.test(angle) || Number(angle) > 360)) {
    throw new StanzaError('bad-request', 'hats#hue is an angle of 0 to 360 degrees');
  }
  const hat = { uri: hatUri, title: readText(submission, 'hats#title', roomLimits.hatTitleCharactersMax) };
  return angle === '' ? hat : { ...hat, hue: angle };
}

/** @param read hats are given to persons, and taken from whoever has one */
function readJid(submission: Submission, read: (text: string) => Jid): Jid {
  const jid = submission.get('hats#jid')?.jid(read);
  if (!jid) throw new StanzaError('bad-request', 'hats#jid says whose the hat is');
  return jid;
}

function row({ title: hatTitle, uri: hatUri, hue: angle = '' }: Hat): Record<string, string> {
  return { 'hats#title': hatTitle, 'hats#uri': hatUri, 'hats#hue': angle };
}
