/** XEP-0317 §3.2 to §3.7: the ad-hoc commands by which hats are managed. */
import { contactJid, personJid } from '../../../lib/xmpp/address-shape.ts';
import { type Field, renderTable, type Submission } from '../../../lib/xmpp/data-form.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import type { RoomCommand } from '../core/room-feature.ts';
import type { RoomTurn } from '../core/room-turn.ts';
import { roomLimits } from '../limits.ts';
import { assignHat, createHat, destroyHat, type Hat, hatsIn, hatsOf, unassignHat } from './xep0317-hat-rows.ts';

const formType = 'urn:xmpp:hats:commands';

interface Command extends Pick<RoomCommand, 'name' | 'ask' | 'run'> {
  /** Occupants may use it, too; other commands are for admins and owners. */
  readonly isOpen?: true;
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
  options: hatsIn(room).hats.map((hat) => ({ label: hat.title, value: hat.uri })),
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
      renderTable({ title: 'Hats', columns: ['hats#title', 'hats#uri', 'hats#hue'], rows: hatsIn(room).hats.map(row) }),
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
      const rows = Object.keys(hatsIn(room).wearers).flatMap((bare) =>
        hatsOf(room, bare).map((hat) => ({ 'hats#jid': bare, ...row(hat) })),
      );
      return renderTable({ title: 'Assigned Hats', columns: ['hats#jid', 'hats#uri', 'hats#title', 'hats#hue'], rows });
    },
  },
};

export const hatCommands: readonly RoomCommand[] = Object.entries(commands).map(([node, { isOpen, ...command }]) => ({
  ...command,
  node: `${formType}:${node}`,
  formType,
  isAllowed: (turn) => turn.isAdmin || (isOpen === true && turn.own !== undefined),
}));

function readText(submission: Submission, name: string, charactersMax: number, also = name): string {
  const field = submission.get(name) ?? submission.get(also);
  if (!field) throw new StanzaError('bad-request', `the form needs ${name}`);
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

/** @param read checks the address: hats are given to persons only, and taken from whoever has one */
function readJid(submission: Submission, read: (text: string) => Jid): Jid {
  const jid = submission.get('hats#jid')?.jid(read);
  if (!jid) throw new StanzaError('bad-request', 'the form needs hats#jid, the address of the wearer');
  return jid;
}

function row({ title: hatTitle, uri: hatUri, hue: angle = '' }: Hat): Record<string, string> {
  return { 'hats#title': hatTitle, 'hats#uri': hatUri, 'hats#hue': angle };
}
