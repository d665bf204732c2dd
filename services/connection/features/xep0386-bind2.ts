/**
 * XEP-0386: Bind 2. The resource is bound by a router, and what the client has asked for in `<bind/>` begins in the moment when
 * the session can be reached.
 */
import type { Element } from '../../../lib/xmpp/element.ts';
import { StreamError } from '../../../lib/xmpp/errors.ts';
import { NS_BIND2 as NS } from '../core/feature-list.ts';
import type { FeatureStream, InlineDone, StreamFeature } from '../core/stream-feature.ts';
import { InlineBind } from '../session/inline-bind.ts';

export const bind2: StreamFeature = {
  specs: [
    {
      spec: 'XEP-0386',
      version: '1.1.0',
      title: 'Bind 2',
      note: 'The queue of the account is not cleared: a client may be gone before it has read the archive.',
    },
  ],
  inline: { ns: NS, name: 'bind', handle: bind },
};

async function bind(element: Element, stream: FeatureStream, done: InlineDone): Promise<void> {
  const session = stream.session!;
  await new Promise<void>((resolve) => {
    session.inlineBind = new InlineBind(Buffer.from(element.toString()), (bound) => {
      resolve();
      if (bound === 'unanswered') session.close(new StreamError('resource-constraint', 'the service is not ready'));
      if (typeof bound !== 'object' || !stream.isOpen) return;
      const answers = stream.host.features.inBind.flatMap((feature) => {
        const part = element.getChildElements().find((child) => child.getNS() === feature.ns && isNamed(child, feature.names));
        return part ? [feature.handle(part as Element, stream)] : [];
      });
      done(`<bound xmlns='${NS}'>${bound.text}${answers.join('')}</bound>`);
      stream.sendFeatures(bound.features);
    });
    session.pump();
  });
}

function isNamed(element: { getName(): string }, names: readonly string[]): boolean {
  return names.includes(element.getName());
}
