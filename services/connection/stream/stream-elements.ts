/** XEP-0198's elements from a client (§3 to §6): `<enable/>`, `<r/>`, `<a/>`, `<resume/>`. */
import { limits } from '../../../lib/limits.ts';
import type { Clock } from '../../../lib/ports/clock.ts';
import { StreamError } from '../../../lib/xmpp/errors.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { enabled, failed, NS_SM, readCount, resumeMsOf, StreamManagement } from '../features/xep0198-stream-management.ts';
import { formatResumeId } from '../moving/resume-id.ts';
import type { SessionStream } from '../session/egress.ts';
import type { Session } from '../session/session.ts';

/** What a client says of the session that it wants back. */
export interface Claim {
  readonly previd: string;
  /** What the client has received of it. */
  readonly h: number;
  /** Bare JID that signed in. */
  readonly account: string;
}

/** Absent `session`: there is none, or none any more; `h` then says how far it got, if that is known. */
export interface Found {
  readonly session?: Session;
  readonly h?: number;
}

export interface ResumeHost {
  readonly subject: string;
  readonly clock: Clock;
  /** Resolves when a client may resume; false: too many wait. */
  mayGetReady(way: 'resume'): Promise<boolean>;
  /** Finds the session, here or on another node, and takes it from its old stream. @throws {StreamError} */
  claim(claim: Claim, stream: SessionStream): Promise<Found>;
}

/** A stream whose session may be changed for another. */
export interface ManagedStream extends SessionStream {
  session: Session | undefined;
}

/** @returns what takes time. @throws {StreamError} */
export function manageStream(
  host: ResumeHost,
  stream: ManagedStream,
  session: Session,
  element: Stanza,
): Promise<void> | undefined {
  const { sm } = session;
  switch (element.name) {
    case 'r':
      if (sm === undefined) throw new StreamError('not-authorized', 'stream management is not enabled');
      sm.onRequest();
      return undefined;
    case 'a':
      if (sm === undefined) throw new StreamError('not-authorized', 'stream management is not enabled');
      session.acknowledged(sm, element.attributes.h);
      return undefined;
    case 'enable':
      enable(host, stream, session, element);
      return undefined;
    case 'resume':
      return resume(host, stream, session, element);
    default:
      throw new StreamError('unsupported-stanza-type', `<${element.name}/> is not known in ${NS_SM}`);
  }
}

/** §3: after bind, once. @throws {StreamError} when it is enabled already */
function enable(host: ResumeHost, stream: SessionStream, session: Session, element: Stanza): void {
  if (session.sm !== undefined) throw new StreamError('policy-violation', 'stream management is enabled already');
  if (!session.isBound) {
    stream.sendElement(failed('unexpected-request'));
    return;
  }
  const resumeMs = resumeMsOf(element.attributes);
  const token = host.clock.randomBytes(16).toString('base64url');
  const id = formatResumeId({ node: host.subject, sid: session.sid, token });
  stream.sendElement(enabled(resumeMs === 0 ? undefined : id, resumeMs));
  const write = (text: string): void => session.egress.stream?.sendElement(text);
  session.egress.sm = new StreamManagement({ clock: host.clock, token, resumeMs, write });
}

/** §5: instead of bind. */
async function resume(host: ResumeHost, stream: ManagedStream, fresh: Session, element: Stanza): Promise<void> {
  const { previd, h } = element.attributes;
  if (fresh.hasStepped || fresh.isBound) {
    stream.sendElement(failed('unexpected-request'));
    return;
  }
  if (previd === undefined) throw new StreamError('bad-format', '<resume/> needs a previd');
  const count = readCount(h);
  if (previd.length > limits.storeKeyBytesMax) {
    stream.sendElement(failed('item-not-found')); // it was not given out here
    return;
  }
  if (!(await host.mayGetReady('resume'))) throw new StreamError('resource-constraint', 'too many clients come back at once');
  const found = await host.claim({ previd, h: count, account: fresh.account.toString() }, stream);
  const { session } = found;
  if (session?.sm === undefined) {
    if (stream.isOpen) stream.sendElement(failed('item-not-found', found.h));
    return;
  }
  if (!stream.isOpen) {
    session.release();
    return;
  }
  stream.session = session;
  fresh.forget();
  const { sm } = session;
  const { attributes } = element;
  stream.sendElement(resumed(attributes.previd!, sm.h));
  session.acknowledged(sm, attributes.h);
  session.attach(sm, stream);
}

function resumed(previd: string, h: number): string {
  // What we have given out is base64url, so nothing in it needs escaping.
  return `<resumed xmlns='${NS_SM}' previd='${previd}' h='${h}'/>`;
}
