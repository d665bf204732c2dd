/**
 * To the features of an encrypted stream: the peer's servers are tried in turn (RFC 6120 §3.2), with STARTTLS (§5) or TLS from the first
 * byte (XEP-0368). A stream without TLS is not gone on with (RFC 7590).
 */

import type { Socket } from 'node:net';
import type { PairName } from '../../../lib/runtime/outbox.ts';
import { StreamError } from '../../../lib/xmpp/errors.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { federationLimits } from '../limits.ts';
import { Link, LinkClosed } from './link.ts';
import { header, type Opened, OutgoingStream } from './outgoing.ts';
import { isStreamError, PeerRefusal, streamRefusal } from './refusal.ts';

const NS_TLS = 'urn:ietf:params:xml:ns:xmpp-tls';

/** Node crashes when the socket and the TLS on it are destroyed in one turn, so only the upper one of them is. */
class Connection {
  /** TLS, once it has begun. */
  socket: Socket;

  constructor(socket: Socket) {
    this.socket = socket;
  }

  destroy(): void {
    this.socket.destroy();
  }
}

/**
 * @throws {NoSuchDomain | Forbidden | Unreachable | Unavailable} as {@link Finder.connections}
 * @throws {PeerRefusal} that is final: the peer does not serve the domain
 */
export async function openStream(dependencies: Dependencies, pair: PairName, signal: AbortSignal): Promise<OutgoingStream> {
  for await (const { socket, target, giveUp } of dependencies.finder.connections(pair.peer, signal)) {
    const connection = new Connection(socket);
    try {
      const opened = await inTime(dependencies, connection, secure(dependencies, pair, connection, target.isDirectTls));
      return new OutgoingStream(dependencies, pair, opened);
    } catch (error) {
      connection.destroy();
      if (error instanceof PeerRefusal && error.isNoSuchDomain) throw error;
      giveUp((error as Error).message);
    }
  }
  throw new Error('connections end with an error');
}

/** @throws {Error} when it takes too long */
async function inTime<Result>({ clock }: Dependencies, connection: Connection, work: Promise<Result>): Promise<Result> {
  let isLate = false;
  const timer = clock.after(federationLimits.secureMs, () => {
    isLate = true;
    connection.destroy();
  });
  try {
    return await work;
  } catch (error) {
    throw isLate ? new Error('is too slow to open a stream') : error;
  } finally {
    timer.cancel();
  }
}

/** The tenant's policy wants each side to prove itself by its certificate. @throws {Unavailable} */
export async function needsCertificate({ tenants }: Dependencies, { tenant }: PairName): Promise<boolean> {
  return (await tenants.find(tenant))?.policy.proof === 'certificate';
}

async function secure(dependencies: Dependencies, pair: PairName, connection: Connection, isDirect: boolean): Promise<Opened> {
  if (!isDirect) await startTls(pair, connection.socket);
  const encrypted = await dependencies.encrypt(pair, connection.socket, isDirect);
  connection.socket = encrypted.socket;
  const isProven = await dependencies.proves(pair.peer, encrypted.chain);
  if (!isProven && (await needsCertificate(dependencies, pair))) throw new Error(`has no certificate that proves ${pair.peer}`);
  return { ...(await greet(pair, new Link(encrypted.socket, pair.tenant, dependencies.holdsLease))), isProven };
}

/** A header each way, and the peer's features. @throws {PeerRefusal | LinkClosed | StreamError} */
export async function greet(pair: PairName, link: Link): Promise<Omit<Opened, 'isProven'>> {
  link.write(header(pair));
  const opening = await link.read();
  if (opening.kind !== 'open') throw new LinkClosed('does not open a stream');
  const { id: streamId = '', version } = opening;
  if (version === undefined) throw new LinkClosed('speaks no XMPP 1.0, so it has no TLS');
  const features = await link.read();
  if (features.kind !== 'stanza') throw new LinkClosed('closes the stream');
  if (isStreamError(features)) throw streamRefusal(features);
  if (features.name !== 'features') throw new LinkClosed('sends no stream features');
  return { link, streamId, features };
}

async function startTls(pair: PairName, socket: Socket): Promise<void> {
  const link = new Link(socket, pair.tenant, () => true); // no stanza leaves in the clear
  const { features } = await greet(pair, link);
  if (!features.hasChild('starttls', NS_TLS)) {
    link.write(`${new StreamError('policy-violation', 'TLS is required')}</stream:stream>`);
    link.end();
    throw new LinkClosed('offers no TLS');
  }
  link.write(`<starttls xmlns='${NS_TLS}'/>`);
  const answer = await link.read();
  if (!isProceed(answer)) throw new LinkClosed('refuses to begin TLS');
  // RFC 6120 §5.4.3.3: whatever comes behind <proceed/> in the clear was not said by the peer.
  if (!link.detach()) throw new LinkClosed('sends more behind <proceed/>, in the clear');
}

function isProceed(event: { readonly kind: string }): boolean {
  return event.kind === 'stanza' && (event as Stanza).ns === NS_TLS && (event as Stanza).name === 'proceed';
}
