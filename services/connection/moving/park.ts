/**
 * Parks a session in the store, from where any node can take it. Drains and stops do this. The client is told only when the
 * session is in the store, so that its next `<resume/>` finds it wherever it connects.
 */

import { type Store, Unavailable } from '../../../lib/ports/store.ts';
import { runtimeLimits } from '../../../lib/runtime/limits.ts';
import { fitsRow, hashToken, type ParkedRow, parkSession } from '../../../lib/runtime/parked.ts';
import { readMark } from '../../../lib/runtime/resync.ts';
import { unmarkHeld } from '../../../lib/runtime/sessions.ts';
import { StreamError } from '../../../lib/xmpp/errors.ts';
import type { Session } from '../session/session.ts';
import type { SessionOwner } from '../session/session-owner.ts';
import { packSession } from './parcel.ts';

export interface ParkingHost extends SessionOwner<Session> {
  readonly store: Store;
  /** Sessions on their way into the store, by sid. Whoever wants one waits. */
  readonly parking: Map<string, Promise<void>>;
}

/** Resolves when the session is in the store, or has ended, or stays because the store is away. Never rejects. */
export function park(host: ParkingHost, session: Session, reason: StreamError): Promise<void> {
  const { sid, egress } = session;
  const known = host.parking.get(sid);
  if (known !== undefined) return known;
  const { stream } = egress;
  const parking = move(host, session, reason)
    .catch((error: unknown) => {
      host.log.warn({ err: error, sid }, 'a session could not be parked in the store');
      session.stay();
    })
    .finally(() => {
      host.parking.delete(sid);
      stream?.fail(reason);
    });
  host.parking.set(sid, parking);
  return parking;
}

async function move(host: ParkingHost, session: Session, reason: StreamError): Promise<void> {
  const deadline = host.clock.now() + session.remainingMs;
  const { isAway } = session.client;
  session.egress.catchUp.miss(await readMark(host.store, { node: host.subject, sid: session.sid }));
  if (!(await session.withdraw())) return;
  if (!(await session.leave(session.client.leaving(isAway))))
    throw new Unavailable('no router has heard what its client has not');
  const row = rowOf(host, session, deadline);
  if (row === undefined) {
    session.stay();
    session.close(new StreamError('resource-constraint', 'too much to move'));
    return;
  }
  const owner = { domain: session.domain, local: session.account.local };
  const address = { node: host.subject, sid: session.sid };
  if (await parkSession(host.store, owner, address, deadline, row)) {
    session.forget();
    await unmarkHeld(host.store, address);
  } else {
    // Routers know of no such session, or not any more.
    session.stay();
    session.close(reason);
  }
}

function rowOf(host: ParkingHost, session: Session, deadline: number): ParkedRow | undefined {
  const packed = packSession(session, host.clock.now(), runtimeLimits.parkedRowBytesMax, false);
  if (packed === undefined || session.sm === undefined) return undefined;
  const { parcel, bodies } = packed;
  const row: ParkedRow = {
    tokenHash: hashToken(session.sm.token),
    deadline,
    by: host.subject,
    parcel,
    bodies: bodies.map((bytes) => bytes.toString()),
  };
  return fitsRow(row) ? row : undefined;
}
