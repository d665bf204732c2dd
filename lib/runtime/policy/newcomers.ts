/** New accounts begin with these contacts in the roster, and with these rooms among the bookmarks. */
import { z } from 'zod';
import { Jid } from '../../xmpp/jid.ts';
import { runtimeLimits } from '../limits.ts';
import type { PolicyKey } from './policy-key.ts';

const { newcomerContactsMax, newcomerRoomsMax, policyAddressBytesMax } = runtimeLimits;

/** @param needsLocal a room has a name before the @ */
function addressesKey(text: string, max: number, needsLocal: boolean): PolicyKey<readonly string[]> {
  const example = needsLocal ? 'hall@conference.example.org' : 'help@example.org';
  const address = z.string({ error: 'a list of addresses takes text' }).transform((given, context) => {
    const jid = Jid.tryParse(given.trim());
    const isTaken = jid?.isBare && (!needsLocal || jid.local !== '') && Buffer.byteLength(`${jid}`) <= policyAddressBytesMax;
    if (isTaken) return `${jid}`;
    context.addIssue(`'${given.slice(0, 100)}' is not an address such as ${example}`);
    return z.NEVER;
  });
  const schema = z
    .array(address)
    .max(max, { error: `a list has at most ${max} addresses` })
    .transform((all) => [...new Set(all)]);
  return {
    schema: schema as unknown as z.ZodType<readonly string[], readonly string[]>,
    ...{ preset: [], strictest: [], placeholder: 'JID,…', text },
    allowed: `at most ${max} addresses with commas between them, or 'none'`,
    fromText: (typed) => (typed === 'none' ? [] : typed.split(',').map((one) => one.trim())),
  };
}

export const newcomerContacts = addressesKey(
  'contacts that new accounts begin with, such as help@example.org',
  newcomerContactsMax,
  false,
);
export const newcomerRooms = addressesKey('rooms that new accounts join from the beginning', newcomerRoomsMax, true);
