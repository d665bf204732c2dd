/** Rooms say which of their messages have not reached the clients of occupants. Features decide whether these are to be woken. */
import { Unavailable } from '../../../lib/ports/store.ts';
import { isOperating, report } from '../../../lib/runtime/faults.ts';
import type { RingReply, RingRequest, RingTarget, RingWish } from '../../../lib/runtime/ring-wire.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { Stanza } from '../../../lib/xmpp/stanza.ts';
import { Account } from '../core/account.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { Turn } from '../core/turn.ts';

/** @throws {Unavailable} when the whole request must be tried again */
export async function wakeOccupants(
  dependencies: Dependencies,
  { domain, isPrivate, targets }: RingRequest,
  bodies: readonly Buffer[],
): Promise<RingReply> {
  const tenant = await dependencies.tenants.find(domain);
  if (!tenant) return { ok: true };
  const messages = bodies.map((body) => Stanza.parse(body));
  const wishes = new Map<RingTarget, RingWish>();
  const failed: unknown[] = [];
  // Clients of one account may share a registration, whose row is changed: they are handled one after the other.
  const byAccount = Map.groupBy(targets, ({ to }) => Jid.parse(to).bare.toString());
  await Promise.all(
    [...byAccount.values()].map(async (clients) => {
      for (const target of clients) {
        try {
          const missed = target.messages.flatMap((index) => messages[index] ?? []);
          wishes.set(target, await wakeOccupant(dependencies, tenant, { target, isPrivate: isPrivate === true, missed }));
        } catch (error) {
          if (isOperating(error)) failed.push(error);
          else report(dependencies.log, error, 'could not wake the client of an occupant');
        }
      }
    }),
  );
  if (failed.length > 0) throw new Unavailable(`${failed.length} occupants could not be woken: ${failed[0]}`);
  return { ok: true, wishes: targets.map((target) => wishes.get(target) ?? 'never') };
}

interface Waking {
  readonly target: RingTarget;
  readonly isPrivate: boolean;
  readonly missed: readonly Stanza[];
}

async function wakeOccupant(
  dependencies: Dependencies,
  tenant: Tenant,
  { target: { to, nick }, isPrivate, missed }: Waking,
): Promise<RingWish> {
  const jid = Jid.parse(to);
  const room = missed[0]?.from?.bare;
  if (room === undefined || jid.domain !== tenant.domain) return 'never';
  const account = new Account(new Turn(dependencies), tenant, jid.local, undefined, jid);
  let wish: RingWish = 'never';
  for (const unheardInRoom of dependencies.features.of('unheardInRoom')) {
    const wanted = await unheardInRoom(account, { resource: jid.resource, address: room.withResource(nick), isPrivate }, missed);
    if (wanted !== undefined && wanted !== 'never') wish = wanted;
  }
  return wish;
}
