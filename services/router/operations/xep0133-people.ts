/**
 * XEP-0133 (Service Administration), version 1.3.1: the commands about people that need more than one operation. Each operation is done as
 * whoever gives the command, with their rights.
 *
 * Nothing counts accounts as they come and go, so a command that counts them goes through them, a page at a time and no further than a bound.
 */
import type { z } from 'zod';
import type { Field, Submission } from '../../../lib/xmpp/data-form.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { operationLimits } from './limits.ts';
import type { Operation } from './operation.ts';
import { sessionEnd, sessionList } from './sessions.ts';
import { userShow } from './user-access.ts';
import { userList } from './users.ts';
import { addresses, addressesIn, type CommandForm, formType } from './xep0133-forms.ts';

/** Does an operation. @throws {StanzaError} when it is refused */
export type Ask = <Input extends z.ZodType, Output extends z.ZodType>(
  operation: Operation<Input, Output>,
  input: z.input<Input> & object,
) => Promise<z.output<Output>>;

export interface PeopleCommand extends CommandForm {
  /** Whoever may do this operation may give the command. */
  readonly of: Operation;
  /** @returns the fields of the result; none: it has no form. @throws {StanzaError} */
  answer(submission: Submission, domain: string, ask: Ask): Promise<readonly Field[]>;
}

const itemCounts = ['25', '50', '75', '100', '150', '200', 'none'] as const;

const forms: readonly Omit<PeopleCommand, 'formType'>[] = [
  /** §4.5: all sessions of a bare JID, the one session of a full JID. */
  {
    of: sessionEnd,
    node: `${formType}#end-user-session`,
    name: 'End User Session',
    fields: [addresses],
    async answer(submission, _domain, ask) {
      for (const jid of addressesIn(submission)) await endSessionsOf(jid, ask);
      return [];
    },
  },
  /** §4.9. The value is empty for an account that was never seen. */
  {
    of: userShow,
    node: `${formType}#get-user-lastlogin`,
    name: 'Get User Last Login Time',
    fields: [addresses],
    async answer(submission, _domain, ask) {
      const jids = addressesIn(submission).map((jid) => `${jid}`);
      const values: string[] = [];
      for (const jid of jids) values.push((await ask(userShow, { jid })).lastSeen ?? '');
      return [
        { var: addresses.var, type: 'jid-multi', values: jids },
        { var: 'lastlogin', type: jids.length > 1 ? 'text-multi' : 'text-single', values },
      ];
    },
  },
  /** §4.13. */
  {
    of: userList,
    node: `${formType}#get-registered-users-num`,
    name: 'Get Number of Registered Users',
    fields: [],
    answer: async (_, domain, ask) => [{ var: 'registeredusersnum', values: [`${await countUsers(ask, { domain })}`] }],
  },
  /** §4.15. */
  {
    of: userList,
    node: `${formType}#get-online-users-num`,
    name: 'Get Number of Online Users',
    fields: [],
    answer: async (_, domain, ask) => [{ var: 'onlineusersnum', values: [`${await countUsers(ask, { domain, online: true })}`] }],
  },
  /** §4.20. `next` is what to give as `after` to look further; it is absent when all accounts have been looked at. */
  {
    of: userList,
    node: `${formType}#get-online-users-list`,
    name: 'Get List of Online Users',
    fields: [
      {
        ...{ var: 'max_items', type: 'list-single', label: 'How many users to show', values: ['25'] },
        options: itemCounts.map((value) => ({ value })),
      },
      { var: 'after', type: 'text-single', label: 'The last name that was looked at' },
    ],
    async answer(submission, domain, ask) {
      const chosen = submission.get('max_items')?.choice(itemCounts) ?? 'none';
      const max = chosen === 'none' ? Number.POSITIVE_INFINITY : Number(chosen);
      const { users, next } = await listOnline(ask, domain, max, submission.get('after')?.text() || undefined);
      return [
        { var: 'onlineuserjids', type: 'jid-multi', values: users },
        ...(next === undefined ? [] : [{ var: 'next', type: 'text-single', values: [next] } as const]),
      ];
    },
  },
];

export const peopleCommands: readonly PeopleCommand[] = forms.map((form) => ({ ...form, formType }));

/** @throws {StanzaError} item-not-found */
async function endSessionsOf(jid: Jid, ask: Ask): Promise<void> {
  const account = `${jid.bare}`;
  const { sessions } = await ask(sessionList, { jid: account });
  const meant = jid.isBare ? sessions : sessions.filter(({ resource }) => resource === jid.resource);
  if (!jid.isBare && meant.length === 0) throw new StanzaError('item-not-found', `there is no session '${jid}'`);
  for (const { id } of meant) await ask(sessionEnd, { jid: account, session: id });
}

/** @throws {StanzaError} resource-constraint, when there are more accounts than are looked at */
async function countUsers(ask: Ask, which: { readonly domain: string; readonly online?: true }): Promise<number> {
  let count = 0;
  let after: string | undefined;
  for (let pages = 0; pages < operationLimits.commandPagesMax; pages++) {
    const { users, next } = await ask(userList, { ...which, ...(after !== undefined && { after }) });
    count += users.length;
    if (next === undefined) return count;
    after = next;
  }
  throw new StanzaError('resource-constraint', 'there are too many accounts to count them; the REST API lists them in pages');
}

async function listOnline(ask: Ask, domain: string, max: number, from: string | undefined) {
  const users: string[] = [];
  let after = from;
  for (let pages = 0; pages < operationLimits.commandPagesMax; pages++) {
    const page = await ask(userList, { domain, online: true, ...(after !== undefined && { after }) });
    const room = max - users.length;
    users.push(...page.users.slice(0, room));
    // The last one that is shown is where the next look begins.
    if (page.users.length > room) return { users, next: Jid.parse(users.at(-1)!).local };
    after = page.next;
    if (after === undefined) break;
    if (users.length === max) break;
  }
  return { users, next: after };
}
