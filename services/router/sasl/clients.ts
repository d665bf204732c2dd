/**
 * The clients of an account that have said which one they are (XEP-0388 §2.3): when each was seen, how it signed in, and its
 * tokens (XEP-0484). There is a row for each, under its key.
 *
 * A row holds what a token is made of, but not the secret that it takes (tokens.ts). So a copy of the rows signs nobody in.
 */
import { portLimits } from '../../../lib/ports/limits.ts';
import { collection } from '../../../lib/runtime/collection.ts';
import type { SignInWay } from '../../../lib/runtime/policy/sign-in.ts';
import { type Item, Rows } from '../../../lib/runtime/rows.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { update } from '../../../lib/runtime/update.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { routerLimits } from '../limits.ts';
import type { UserAgent } from './sasl2.ts';

export interface TokenSlot {
  readonly mechanism: string;
  /** Random text: no two tokens are the same. */
  readonly nonce: string;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
  /** {@link passwordMark} of the account when the token was given out. */
  readonly password: string;
  /** How its holder has signed in; absent: by password. When the tenant's policy has that way no more, the token is void. */
  readonly way?: SignInWay | undefined;
  /** No token that follows from this one is valid for longer, ms: the tenant's own system vouches for its holder until then. */
  readonly untilMs?: number | undefined;
  /** The greatest `count` that a client has sent with it, and on which stream: a node repeats what a router did not answer. */
  readonly count?: number;
  readonly countedOn?: string | undefined;
}

export interface ClientRow {
  /** Since when it is known, and when it last signed in, ms. */
  readonly firstMs: number;
  readonly lastMs: number;
  readonly software?: string | undefined;
  readonly device?: string | undefined;
  /** How it signed in last. */
  readonly by: 'password' | 'token';
  /** {@link passwordMark} of the account then. */
  readonly password: string;
  /** XEP-0484 §6.1: the token that was used last, and the newest one, which was not used yet. */
  readonly current?: TokenSlot | undefined;
  readonly fresh?: TokenSlot | undefined;
  /** Tokens that were given out before the newest one, and not used since: nobody knows which answer the client heard last. */
  readonly earlier?: readonly TokenSlot[] | undefined;
}

/** The tokens of a client. */
export function slotsOf({ fresh, current, earlier = [] }: ClientRow): readonly TokenSlot[] {
  return [fresh, current, ...earlier].filter((slot) => slot !== undefined);
}

export const clients = collection<ClientRow>('client', 'account');

export interface ClientPlace {
  readonly tenant: Tenant;
  readonly local: string;
  /** {@link clientKey} */
  readonly key: string;
}

export function clientRows({ store }: Dependencies, { tenant, local }: Pick<ClientPlace, 'tenant' | 'local'>): Rows {
  return Rows.ofAccount(store, tenant.domain, local);
}

/** Changes the row at once. @param change as for {@link update} */
export async function updateClient(
  dependencies: Dependencies,
  place: ClientPlace,
  change: (before: ClientRow | undefined) => ClientRow | undefined,
): Promise<ClientRow | undefined> {
  const rows = clientRows(dependencies, place);
  let isNew = false;
  const keepMs = Math.max(place.tenant.policy.tokenDays * 86_400_000, routerLimits.clientKeepMs);
  const after = await update(
    rows,
    clients,
    place.key,
    (before) => {
      isNew = before === undefined;
      return change(before);
    },
    dependencies.clock.now() + keepMs,
  );
  if (isNew && after !== undefined) await forgetOldest(rows);
  return after;
}

/** An account has a bounded number of clients: those that were not seen for the longest time are forgotten, with their tokens. */
async function forgetOldest(rows: Rows): Promise<void> {
  const found = await listClients(rows);
  const oldest = found.toSorted((a, b) => b.value.lastMs - a.value.lastMs).slice(routerLimits.clientsMax);
  await Promise.all(oldest.map(({ key, version }) => rows.delete(clients, key, { version }).catch(() => {})));
}

/** Voids the tokens of all clients of an account. What is known of the clients stays. */
export async function endTokens(dependencies: Dependencies, { tenant, local }: Omit<ClientPlace, 'key'>): Promise<void> {
  const end = (row: ClientRow | undefined) => row && { ...row, current: undefined, fresh: undefined, earlier: undefined };
  for (const { key } of await listClients(clientRows(dependencies, { tenant, local })))
    await updateClient(dependencies, { tenant, local, key }, end);
}

export function listClients(rows: Rows): Promise<Item<ClientRow>[]> {
  return rows.list(clients, { limit: portLimits.storeQueryRowsMax });
}

/** Notes who has signed in. @param before the row as it is @returns the row with that; the same row when it is known already */
export function seen(
  before: ClientRow | undefined,
  { software, device }: UserAgent,
  now: Pick<ClientRow, 'by' | 'password'> & { readonly nowMs: number },
): ClientRow {
  const { by, password, nowMs } = now;
  const isKnown =
    before !== undefined &&
    before.software === software &&
    before.device === device &&
    before.by === by &&
    before.password === password &&
    Math.abs(nowMs - before.lastMs) < routerLimits.clientSeenMs;
  return isKnown ? before : { ...before, firstMs: before?.firstMs ?? nowMs, lastMs: nowMs, software, device, by, password };
}
