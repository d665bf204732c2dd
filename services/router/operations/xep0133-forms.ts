/** XEP-0133 (Service Administration), version 1.2: the forms of the commands for which there are operations. */
import type { Field, Submission } from '../../../lib/xmpp/data-form.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';

/** The form of a command. */
export interface CommandForm {
  readonly node: string;
  readonly name: string;
  readonly formType: string;
  readonly fields: readonly Field[];
}

/** A command that is one operation. */
export interface AdminCommand extends CommandForm {
  /** Names that fields of the result have in the form. */
  readonly results?: Readonly<Record<string, string>>;
  /** The inputs of the operation, which is done once for each. @param domain of the tenant. @throws {StanzaError} */
  inputs(submission: Submission, domain: string): readonly Readonly<Record<string, unknown>>[];
}

export const formType = 'http://jabber.org/protocol/admin';
const password: Field = { var: 'password', type: 'text-private', label: 'The password', isRequired: true };
const address: Field = { var: 'accountjid', type: 'jid-single', label: 'The address of the account', isRequired: true };

export const addresses: Field = {
  ...{ var: 'accountjids', type: 'jid-multi', label: 'The addresses of the accounts', isRequired: true },
};

/** Forms that name accounts and say nothing more. */
const ofAccounts: Pick<AdminCommand, 'fields' | 'inputs'> = {
  fields: [addresses],
  inputs: (submission) => addressesIn(submission).map((jid) => ({ jid: `${jid}` })),
};

const ofMotd: Pick<AdminCommand, 'fields' | 'inputs'> = {
  fields: [
    { var: 'subject', type: 'text-single', label: 'The subject' },
    { var: 'motd', type: 'text-multi', label: 'The message of the day', isRequired: true },
  ],
  inputs: (submission, domain) => [{ domain, ...notice(submission, 'motd') }],
};

/** Further commands of an operation, by its name. §4.25: to edit the message of the day is to set it. */
export const furtherCommands: ReadonlyMap<string, AdminCommand> = new Map([
  ['motd-set', { node: `${formType}#edit-motd`, name: 'Edit Message of the Day', formType, ...ofMotd }],
]);

/** By the name of the operation. */
export const adminCommands: ReadonlyMap<string, AdminCommand> = new Map(
  Object.entries({
    /** §4.1. The e-mail address and the names of that form are left out: nothing here keeps them. */
    'user-add': {
      node: `${formType}#add-user`,
      name: 'Add User',
      fields: [address, password, { ...password, var: 'password-verify', label: 'The password again' }],
      inputs(submission: Submission) {
        const given = required(submission, 'password');
        if (given !== required(submission, 'password-verify')) {
          throw new StanzaError('not-acceptable', 'password and password-verify are not the same');
        }
        return [{ jid: required(submission, 'accountjid'), password: given }];
      },
    },
    /** §4.2. */
    'user-remove': {
      node: `${formType}#delete-user`,
      name: 'Delete User',
      ...ofAccounts,
    },
    /** §4.3 and §4.4. */
    'user-disable': { node: `${formType}#disable-user`, name: 'Disable User', ...ofAccounts },
    'user-enable': { node: `${formType}#reenable-user`, name: 'Re-Enable User', ...ofAccounts },
    /** §4.7. */
    'user-password': {
      node: `${formType}#change-user-password`,
      name: 'Change User Password',
      fields: [address, password],
      inputs: (submission: Submission) => [
        { jid: required(submission, 'accountjid'), password: required(submission, 'password') },
      ],
    },
    /** §4.23, with a choice besides. */
    'announcement-send': {
      node: `${formType}#announce`,
      name: 'Send Announcement',
      fields: [
        { var: 'subject', type: 'text-single', label: 'The subject' },
        { var: 'announcement', type: 'text-multi', label: 'The announcement', isRequired: true },
        {
          ...{ var: 'target', type: 'list-single', label: 'Whom it is for', values: ['online'] },
          options: [
            { value: 'online', label: 'Online users' },
            { value: 'all', label: 'All users' },
          ],
        },
      ],
      inputs(submission: Submission, domain: string) {
        const target = submission.get('target')?.text() ?? '';
        return [{ domain, ...notice(submission, 'announcement'), ...(target !== '' && { target }) }];
      },
    },
    /** §4.24. */
    'motd-set': { node: `${formType}#set-motd`, name: 'Set Message of the Day', ...ofMotd },
    /** §4.26. */
    'motd-remove': {
      node: `${formType}#delete-motd`,
      name: 'Delete Message of the Day',
      fields: [],
      inputs: (_: Submission, domain: string) => [{ domain }],
    },
    /** §4.18. */
    'user-list': {
      node: `${formType}#get-registered-users-list`,
      name: 'Get List of Registered Users',
      fields: [{ var: 'after', type: 'text-single', label: 'The last name of the page before' }],
      inputs(submission: Submission, domain: string) {
        const after = submission.get('after')?.text() ?? '';
        return [{ domain, ...(after !== '' && { after }) }];
      },
      results: { users: 'registereduserjids' },
    },
  } satisfies Readonly<Record<string, Omit<AdminCommand, 'formType'>>> as Readonly<
    Record<string, Omit<AdminCommand, 'formType'>>
  >).map(([name, command]) => [name, { ...command, formType }]),
);

/** @throws {StanzaError} bad-request, when there are none */
export function addressesIn(submission: Submission): readonly Jid[] {
  const jids = submission.get(addresses.var)?.jids() ?? [];
  if (jids.length === 0) throw new StanzaError('bad-request', 'the form needs accountjids');
  return jids;
}

function notice(submission: Submission, name: string): { readonly text: string; readonly subject?: string } {
  const text = submission.get(name)?.lines().join('\n') ?? '';
  if (text === '') throw new StanzaError('bad-request', `the form needs ${name}`);
  const subject = submission.get('subject')?.text() ?? '';
  return { text, ...(subject !== '' && { subject }) };
}

function required(submission: Submission, name: string): string {
  const field = submission.get(name);
  if (field === undefined) throw new StanzaError('bad-request', `the form needs ${name}`);
  return field.requiredText();
}
