/**
 * The real-time block lists that the tenant heeds: nodes of pubsub services (XEP-0060) whose items are named by the SHA-256 of an address, in
 * hexadecimal. `xmpp:rtbl.example.org?;node=muc_bans_sha256`.
 */
import { z } from 'zod';
import { Jid } from '../../xmpp/jid.ts';
import { runtimeLimits } from '../limits.ts';
import type { PolicyKey } from './policy-key.ts';

export interface BlockListSource {
  readonly service: Jid;
  readonly node: string;
}

const pattern = /^xmpp:([^?\s]+)\?;node=([^\s,;&]{1,200})$/;

/** @returns undefined for what is not such an address */
export function parseBlockList(uri: string): BlockListSource | undefined {
  const [, address, node] = pattern.exec(uri) ?? [];
  const service = address === undefined ? undefined : Jid.tryParse(address);
  if (!service?.isBare || node === undefined) return undefined;
  try {
    return { service, node: decodeURIComponent(node) };
  } catch {
    return undefined;
  }
}

const { blockListsMax, policyUrlCharactersMax } = runtimeLimits;
const uri = z
  .string({ error: 'a list of block lists takes text' })
  .max(policyUrlCharactersMax)
  .superRefine((given, context) => {
    if (parseBlockList(given) === undefined)
      context.addIssue(`'${given.slice(0, 100)}' is not a block list, such as xmpp:rtbl.example.org?;node=muc_bans_sha256`);
  });
const schema = z.array(uri).max(blockListsMax, { error: `a tenant heeds at most ${blockListsMax} block lists` });

export const blockLists: PolicyKey<readonly string[]> = {
  schema: schema as unknown as z.ZodType<readonly string[], readonly string[]>,
  ...{
    preset: [],
    strictest: [],
    placeholder: 'URI,…',
    text: 'block lists of strangers, such as xmpp:rtbl.example.org?;node=muc_bans_sha256',
  },
  allowed: `at most ${blockListsMax} addresses xmpp:SERVICE?;node=NODE with commas between them, or 'none'`,
  fromText: (typed) => (typed === 'none' ? [] : typed.split(',').map((one) => one.trim())),
};
