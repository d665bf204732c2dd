/** Where people and other operators write about the tenant's service (XEP-0157): mailboxes, XMPP addresses, web pages. */
import { z } from 'zod';
import { Jid } from '../../xmpp/jid.ts';
import { runtimeLimits } from '../limits.ts';
import type { PolicyKey } from './policy-key.ts';

const { contactsMax, policyUrlCharactersMax } = runtimeLimits;
const mailbox = /^mailto:[^\s@<>"'&?#]+@[^\s@<>"'&?#]+$/;

function isContact(given: string): boolean {
  if (given.length > policyUrlCharactersMax) return false;
  if (given.startsWith('mailto:')) return mailbox.test(given);
  if (given.startsWith('xmpp:')) return Jid.tryParse(given.slice('xmpp:'.length).replace(/\?message$/, ''))?.isBare === true;
  return /^https?:/.test(given) && URL.canParse(given);
}

const contact = z.string({ error: 'a list of contacts takes text' }).superRefine((given, context) => {
  if (!isContact(given)) {
    const shown = given.slice(0, 100);
    context.addIssue(
      `'${shown}' is not a contact, such as mailto:abuse@example.org, xmpp:help@example.org or https://example.org`,
    );
  }
});
const schema = z.array(contact).max(contactsMax, { error: `a list has at most ${contactsMax} contacts` });

function contactsKey(text: string): PolicyKey<readonly string[]> {
  return {
    schema: schema as unknown as z.ZodType<readonly string[], readonly string[]>,
    ...{ preset: [], strictest: [], placeholder: 'URI,…', text },
    allowed: `at most ${contactsMax} addresses of mailto, xmpp, https or http with commas between them, or 'none'`,
    fromText: (typed) => (typed === 'none' ? [] : typed.split(',').map((one) => one.trim())),
  };
}

export const abuseContacts = contactsKey('whom to tell of abuse, such as mailto:abuse@example.org');
export const adminContacts = contactsKey('how to reach who runs the service');
export const securityContacts = contactsKey('whom to tell of security problems');
export const supportContacts = contactsKey('where people get help');
