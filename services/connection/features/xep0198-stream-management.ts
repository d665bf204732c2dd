/**
 * XEP-0198 1.6: `<enable/>` (§3), `<r/>` and `<a/>` (§4), `<resume/>` (§5). The counters belong to the session, because it
 * outlives its stream. Finding the session to resume is up to `moving`.
 */
import { portLimits } from '../../../lib/ports/limits.ts';
import { Count } from '../../../lib/runtime/counts.ts';
import { StreamError } from '../../../lib/xmpp/errors.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { FeatureHost, FeatureStream, StreamFeature } from '../core/stream-feature.ts';
import { formatResumeId } from '../moving/resume-id.ts';
import type { Session } from '../session/session.ts';
import { NS_SM, readCount } from '../session/stream-management.ts';

const NS_STANZAS = 'urn:ietf:params:xml:ns:xmpp-stanzas';
const offer = `<sm xmlns='${NS_SM}'/>`;

/** What became of a claim. */
type Resumption = 'resumed' | 'gone' | 'left' | 'refused';

export const resumptions = new Count(
  'resumptions_total',
  'Sessions that clients wanted to resume: `resumed`, `gone` when there was none any more, `left` when the client went meanwhile, or `refused`',
  ['result'],
);

export const streamManagement: StreamFeature = {
  specs: [
    {
      spec: 'XEP-0198',
      version: '1.6.3',
      title: 'Stream Management',
      note: 'Acknowledgements, resumption on this and on another node. Without `location`: any node will do.',
    },
  ],
  requires: ['signedIn'],
  advertise: ({ session }) => (session?.sm === undefined ? offer : ''),
  elements: [
    { ns: NS_SM, name: 'r', handle: request },
    { ns: NS_SM, name: 'a', handle: acknowledge },
    { ns: NS_SM, name: 'enable', handle: enable },
    { ns: NS_SM, name: 'resume', handle: resume },
  ],
  // §7, with XEP-0388 and XEP-0386
  inline: {
    ns: NS_SM,
    name: 'resume',
    offer,
    handle: ({ attrs }, stream, done) => claim(attrs, stream, (answer, isResumed) => done(answer, isResumed)),
  },
  figures: [resumptions],
  inBind: { ns: NS_SM, names: ['enable'], handle: ({ attrs }, { session, host }) => begin(attrs, session!, host) },
};

type Attributes = Readonly<Partial<Record<string, string>>>;

/** §4. */
function request(_element: Stanza, stream: FeatureStream): undefined {
  const { sm } = stream.session!;
  if (sm === undefined) throw new StreamError('not-authorized', 'stream management is not enabled');
  sm.onRequest();
}

/** §4. */
function acknowledge({ attributes }: Stanza, stream: FeatureStream): undefined {
  const { session } = stream;
  if (session?.sm === undefined) throw new StreamError('not-authorized', 'stream management is not enabled');
  session.acknowledged(session.sm, attributes.h);
}

/** §3: after bind, and once. */
function enable({ attributes }: Stanza, stream: FeatureStream): undefined {
  const session = stream.session!;
  if (session.sm !== undefined) throw new StreamError('policy-violation', 'stream management is enabled already');
  if (!stream.has('bound')) {
    stream.sendElement(failed('unexpected-request'));
    return;
  }
  stream.sendElement(begin(attributes, session, stream.host));
}

/** From now on stanzas are counted. @returns the answer */
function begin(attributes: Attributes, session: Session, { clock, subject: node }: FeatureHost): string {
  const token = clock.randomBytes(16).toString('base64url');
  const id = formatResumeId({ node, sid: session.sid, token });
  const { resumeMs } = session.client.manage(token, askedMsOf(attributes));
  return enabled(resumeMs === 0 ? undefined : id, resumeMs);
}

/** §5: in place of bind. */
async function resume({ attributes }: Stanza, stream: FeatureStream): Promise<void> {
  const fresh = stream.session!;
  if (fresh.hasStepped || fresh.isBound) {
    stream.sendElement(failed('unexpected-request'));
    return;
  }
  await claim(attributes, stream, (answer) => stream.sendElement(answer));
}

/** @param answered is called with the answer, and before anything else is sent in the session */
async function claim(
  attributes: Attributes,
  stream: FeatureStream,
  answered: (text: string, isResumed: boolean) => void,
): Promise<void> {
  const { domain } = stream.session!.account;
  let result: Resumption = 'refused';
  try {
    result = await tryToClaim(attributes, stream, answered);
  } finally {
    resumptions.add(domain, 1, result);
  }
}

/** @throws {StreamError} */
async function tryToClaim(
  { previd, h }: Attributes,
  stream: FeatureStream,
  answered: (text: string, isResumed: boolean) => void,
): Promise<Resumption> {
  const fresh = stream.session!;
  if (previd === undefined) throw new StreamError('bad-format', '<resume/> needs a previd');
  const count = readCount(h);
  if (previd.length > portLimits.storeKeyBytesMax) {
    answered(failed('item-not-found'), false); // it does not come from here
    return 'gone';
  }
  const { host } = stream;
  if (!(await host.admission.mayGetReady('resume')))
    throw new StreamError('resource-constraint', 'too many clients come back at once');
  const found = await host.claim({ previd, h: count, account: fresh.account.toString() }, stream);
  const { session } = found;
  if (session?.sm === undefined) {
    if (stream.isOpen) answered(failed('item-not-found', found.h), false);
    return 'gone';
  }
  if (!stream.isOpen) {
    session.release();
    return 'left';
  }
  stream.session = session;
  fresh.forget();
  const { sm } = session;
  answered(resumed(previd, sm.h), true);
  session.acknowledged(sm, h);
  session.attach(sm, stream);
  return 'resumed';
}

function enabled(id: string | undefined, resumeMs: number): string {
  if (id === undefined) return `<enabled xmlns='${NS_SM}'/>`;
  return `<enabled xmlns='${NS_SM}' id='${id}' resume='true' max='${Math.floor(resumeMs / 1000)}'/>`;
}

function resumed(previd: string, h: number): string {
  // What we have given out is base64url, so it needs no escaping.
  return `<resumed xmlns='${NS_SM}' previd='${previd}' h='${h}'/>`;
}

/** @param h of a session that has ended, when it is known */
function failed(condition: 'unexpected-request' | 'item-not-found', h?: number): string {
  const count = h === undefined ? '' : ` h='${h}'`;
  return `<failed xmlns='${NS_SM}'${count}><${condition} xmlns='${NS_STANZAS}'/></failed>`;
}

/** How long the client wants its session to be kept, ms. */
function askedMsOf({ resume, max }: Attributes): number {
  if (resume !== 'true' && resume !== '1') return 0;
  return /^[0-9]{1,9}$/.test(max ?? '') ? Number(max) * 1000 : Number.POSITIVE_INFINITY;
}
