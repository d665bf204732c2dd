/**
 * The keys of the bus over time, as three generations: the last one, the present one, and the next. Servers let in all three, and the
 * services trust the authorities of all three, so that a generation can follow without a moment in which one side knows keys that the
 * other does not. Whoever still has those of the generation before the last one is not let in.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Clock } from '../../lib/ports/clock.ts';
import { type BusRights, type BusTier, busRights } from '../../lib/runtime/bus-rights.ts';
import { isGood, issueForServers, makeAuthority } from './authority.ts';

const key = z.object({ seed: z.string(), publicKey: z.string() });
const identity = z.object({ cert: z.string(), key: z.string() });
const generation = z.object({ madeAt: z.string(), authority: identity, tiers: z.record(z.string(), key) });

const stateForm = z.object({
  operator: key,
  account: key,
  /** From the last one to the next one; the first two are the same at the beginning. */
  generations: z.tuple([generation, generation, generation]),
  /** What servers show, issued by the authority of the present generation. */
  server: identity,
  /** The digest of what `trust` was made of. */
  trustOf: z.string(),
  trust: z.string(),
  /** The digest of what servers have been started with. */
  deployed: z.string(),
});

/** Everything. Only the function that makes it can read it. */
export type KeysState = z.infer<typeof stateForm>;

/** @returns undefined when it is another secret, such as the random text with which a secret begins */
export function parseState(text: string): KeysState | undefined {
  try {
    return stateForm.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

type Key = KeysState['operator'];
type Generations = KeysState['generations'];
type Make = () => Promise<Generations[number]>;

/** What the keys are and how a server is told of them, which depends on the bus. */
export interface Signing {
  makeKey(kind: 'operator' | 'account'): Key;
  trustConfig(trust: {
    readonly operator: Key;
    readonly account: Key;
    readonly signers: readonly { readonly name: string; readonly publicKey: string; readonly rights: BusRights }[];
  }): Promise<string>;
}

export interface Wanted {
  /** The name under which the servers are found. */
  readonly host: string;
  readonly tiers: readonly BusTier[];
  /** The next generation becomes the present one. */
  readonly renewsKeys: boolean;
}

/** What is to be there now. It is the same state again when nothing was due. */
export async function advance(
  before: KeysState | undefined,
  wanted: Wanted,
  clock: Clock,
  { makeKey, trustConfig }: Signing,
): Promise<KeysState> {
  const { host, tiers, renewsKeys } = wanted;
  const make = async () => ({
    madeAt: new Date(clock.now()).toISOString(),
    authority: await makeAuthority(clock),
    tiers: Object.fromEntries(tiers.map((tier) => [tier, makeKey('account')])),
  });
  /** For tiers that there were not when the generation was made. */
  const added = (known: Readonly<Record<string, Key>>) =>
    Object.fromEntries(tiers.flatMap((tier) => (known[tier] === undefined ? [[tier, makeKey('account')]] : [])));
  const kept = before?.generations.map((one) => ({ ...one, tiers: { ...one.tiers, ...added(one.tiers) } })) as
    | Generations
    | undefined;
  const generations = kept === undefined ? await begin(make) : renewsKeys ? await follow(kept, make) : kept;
  const [, { authority }] = generations;
  const isKept = before !== undefined && isGood(before.server, authority, host, clock);
  const server = isKept ? before.server : await issueForServers(authority, host, clock);
  const { operator, account } = before ?? { operator: makeKey('operator'), account: makeKey('account') };
  const unique = new Map(generations.flatMap(({ tiers: keys }) => tiers.map((tier) => [keys[tier]!.publicKey, tier] as const)));
  const signers = [...unique].map(([publicKey, tier]) => ({ name: tier, publicKey, rights: busRights[tier] }));
  const trustOf = digest(JSON.stringify(signers));
  const trust = trustOf === before?.trustOf ? before.trust : await trustConfig({ operator, account, signers });
  return { operator, account, generations, server, trustOf, trust, deployed: before?.deployed ?? '' };
}

async function begin(make: Make): Promise<Generations> {
  const first = await make();
  return [first, first, await make()];
}

async function follow([, current, next]: Generations, make: Make): Promise<Generations> {
  return [current, next, await make()];
}

/** What the servers of the bus are started with. */
export interface ServersSecret {
  /** The part of their configuration that says whom they let in. */
  readonly trust: string;
  readonly cert: string;
  readonly key: string;
  /** All authorities. */
  readonly ca: string;
}

export function serversSecret({ trust, server, generations }: KeysState): ServersSecret {
  return { trust, ...server, ca: authorities(generations) };
}

/** What a process of the tier signs in with. */
export function tierSecret({ account, generations }: KeysState, tier: BusTier) {
  return { account: account.publicKey, seed: generations[1].tiers[tier]!.seed, ca: authorities(generations) };
}

function authorities(generations: Generations): string {
  return [...new Set(generations.map(({ authority }) => authority.cert))].join('');
}

export function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}
