/**
 * Which tests show each line of docs/xeps.md. A test file that is named after its specification (`xep0191-blocking.test.ts`) in the folder of
 * its service is found by that name. What has no such file, or is shown by others too, is listed here; a test says when a
 * line has no test, and when a file does not exist or does not name the specification.
 */
import { readdirSync, readFileSync } from 'node:fs';
import type { Conformance } from './xeps.ts';

export type Service = 'router' | 'connection' | 'muc' | 'federation' | 'web';

/** By service and specification; paths below `test/`, without `.test.ts`. */
const listed: Readonly<Record<Service, Readonly<Record<string, readonly string[]>>>> = {
  router: {
    'RFC 6120': ['router/sasl-failures', 'router/sign-in-stream', 'router/message'],
    'RFC 6121 §2': ['router/roster', 'router/shared-groups', 'router/contact-shapes'],
    'RFC 6121 §3': ['router/subscription', 'router/contact-shapes', 'router/appendix-a'],
    'RFC 6121 §4': ['router/presence', 'router/directed-presence', 'router/unavailable-presence'],
    'XEP-0012': ['peers/slixmpp'],
    'XEP-0030': ['router/client-discovery'],
    'XEP-0050': ['peers/psi'],
    'XEP-0060': ['router/pubsub-fan-out', 'router/pubsub-again', 'router/cut-short', 'federation/pubsub'],
    'XEP-0065': ['connection/xep0065-relay', 'peers/slixmpp-files', 'peers/psi'],
    'XEP-0077': ['router/registration', 'end-to-end/erasure'],
    'XEP-0084': ['router/xep0398-avatar-conversion'],
    'XEP-0133': ['router/xep0133-people', 'router/announcements', 'router/xep0050-commands', 'peers/psi'],
    'XEP-0153': ['router/xep0398-avatar-conversion', 'federation/avatar', 'peers/gajim'],
    'XEP-0160': ['connection/xep0160-priorities', 'router/cursor'],
    'XEP-0163': ['router/pep-roster-access', 'federation/pep'],
    'XEP-0203': ['router/xep0160-offline', 'router/marks', 'router/cursor'],
    'XEP-0215': ['cli/stun', 'peers/coturn', 'peers/dino', 'peers/jingle'],
    'XEP-0227': ['cli/portable', 'peers/portable'],
    'XEP-0283': ['peers/slixmpp'],
    'XEP-0313': ['router/archive-query', 'runtime/archive-page'],
    'XEP-0334': ['router/xep0313-archive', 'router/xep0280-carbons'],
    'XEP-0356': ['federation/privileged-component'],
    'XEP-0357': ['router/push-answers', 'peers/slixmpp-pypi'],
    'XEP-0363': ['router/upload-purposes', 'web/files', 'peers/gajim-files', 'peers/dino'],
    'XEP-0402': ['router/bookmarks-opaque'],
    'XEP-0410': ['federation/standing'],
    'XEP-0413': ['peers/slixmpp-pypi'],
    'XEP-0424': ['peers/slixmpp'],
    'XEP-0431': ['peers/slixmpp'],
    'XEP-0462': ['router/xep0503-spaces', 'peers/slixmpp-pypi'],
    'XEP-0472': ['peers/slixmpp-pypi'],
    'XEP-0484': ['peers/go-xmpp'],
    'XEP-0485': ['peers/slixmpp-pypi'],
    'XEP-0490': ['router/pep-clients'],
    'XEP-0492': ['peers/slixmpp-pypi'],
    'XEP-0494': ['end-to-end/xmppjs-tokens'],
    'XEP-0503': ['peers/slixmpp-pypi'],
    'XEP-0504': ['peers/slixmpp-pypi'],
  },
  connection: {
    'RFC 6120': ['connection/stream', 'connection/stream-header', 'end-to-end/hostile', 'xmpp/bad-bytes'],
    'RFC 4505': ['router/xep0175-anonymous', 'end-to-end/guests'],
    'RFC 7395': ['connection/websocket'],
    'RFC 7590': ['connection/stream'],
    'RFC 7628': ['router/jwt', 'router/introspection', 'router/minted-tokens', 'peers/jwt-clients'],
    'XEP-0124': ['connection/bosh-hostile'],
    'XEP-0206': ['connection/xep0124-bosh', 'end-to-end/bosh', 'peers/converse-bosh', 'peers/bosh-cell'],
    'XEP-0198': ['connection/stream-management', 'connection/resumption', 'connection/ack-under-load', 'connection/unanswered'],
    'XEP-0368': ['connection/stream', 'cli/dns'],
    'XEP-0386': ['peers/go-xmpp'],
    'XEP-0388': ['peers/go-xmpp'],
    'XEP-0440': ['router/sasl'],
    'XEP-0178': [
      'end-to-end/client-certificates',
      'end-to-end/client-certificates-tls',
      'runtime/client-hello',
      'peers/slixmpp-certificate',
    ],
    'XEP-0493': ['router/jwt', 'peers/jwt-clients'],
    'XEP-0474': ['connection/xep0480-upgrade', 'peers/go-xmpp'],
    'XEP-0478': ['peers/slixmpp-pypi'],
    'XEP-0480': ['peers/go-xmpp'],
    'XEP-0515': ['connection/xep0480-upgrade', 'connection/channel-binding', 'peers/go-xmpp'],
  },
  muc: {
    'XEP-0004': ['muc/empty-fields', 'xmpp/data-form', 'form-fields'],
    'XEP-0030': ['muc/iq'],
    'XEP-0045': [
      ...['muc/enter', 'muc/message', 'muc/admin', 'muc/owner', 'muc/configuration', 'muc/registration'],
      ...['muc/invitations', 'muc/voice', 'muc/iq', 'muc/people', 'muc/ghosts'],
    ],
    'XEP-0050': ['muc/xep0317-hats'],
    'XEP-0059': ['muc/archive', 'runtime/archive-page'],
    'XEP-0082': ['muc/enter', 'xmpp/date-time'],
    'XEP-0122': ['muc/xep0500-slow-mode', 'muc/archive'],
    'XEP-0153': ['muc/xep0486-avatar'],
    'XEP-0203': ['muc/marks'],
    'XEP-0249': ['muc/payloads', 'peers/slixmpp-pypi'],
    'XEP-0308': ['muc/payloads', 'muc/xep0424-retraction'],
    'XEP-0313': ['muc/archive', 'runtime/archive-page'],
    'XEP-0317': ['muc/marks', 'peers/slixmpp-pypi'],
    'XEP-0359': ['muc/message', 'muc/marks'],
    'XEP-0410': ['muc/iq', 'muc/payloads', 'peers/slixmpp-pypi'],
    'XEP-0421': ['muc/message', 'muc/payloads', 'muc/derived-ids', 'peers/slixmpp-pypi'],
    'XEP-0425': ['peers/slixmpp-pypi'],
    'XEP-0433': ['peers/slixmpp-pypi'],
    'XEP-0444': ['muc/payloads'],
    'XEP-0461': ['muc/payloads'],
    'XEP-0463': ['peers/slixmpp-pypi'],
    'XEP-0486': ['peers/slixmpp-pypi'],
    'XEP-0500': ['peers/slixmpp-pypi'],
  },
  federation: {
    'RFC 7711': ['federation/posh', 'peers/posh'],
    'RFC 6120': ['federation/inbound', 'federation/outgoing'],
    'XEP-0100': ['federation/components'],
    'XEP-0114': ['federation/components', 'federation/components-hostile'],
    'XEP-0178': ['federation/inbound'],
    'XEP-0185': ['federation/inbound', 'federation/dialback'],
    'XEP-0198': ['federation/inbound', 'federation/outgoing', 'federation/bidi-outgoing'],
    'XEP-0288': ['federation/bidi-outgoing', 'federation/bidi-inbound'],
    'XEP-0199': ['federation/outgoing'],
    'XEP-0203': ['federation/outgoing'],
    'XEP-0220': ['federation/inbound'],
    'XEP-0344': ['federation/inbound'],
    'XEP-0368': ['federation/finding'],
    'XEP-0478': ['federation/inbound', 'federation/xep0478-stream-limits'],
  },
  web: {
    'XEP-0156': ['web/app', 'end-to-end/host-meta'],
  },
};

const tests = new URL('../test/', import.meta.url);

/** @returns paths below `test/`, sorted: those of the specification's name first. */
export function testsOf(service: Service, spec: string): string[] {
  const named = readdirSync(new URL(`${service}/`, tests))
    .filter((file) => file.endsWith('.test.ts') && file.startsWith(`${fileStem(spec)}-`))
    .map((file) => `${service}/${file}`);
  const others = (listed[service][spec] ?? []).map((path) => `${path}.test.ts`);
  return [...new Set([...named.toSorted(), ...others])];
}

/** `XEP-0191` is `xep0191` in the names of files; a section of an RFC has none. */
function fileStem(spec: string): string {
  return spec.includes('§') ? spec : spec.toLowerCase().replaceAll(/[- ]/g, '');
}

/** @returns one line for each specification without a test, and for each file that is not there or does not name its specification. */
export function testFaults(
  rows: readonly (Pick<Conformance, 'spec'> & { readonly service: Service })[],
  read = (path: string): string | undefined => readIfThere(new URL(path, tests)),
  find = testsOf,
): string[] {
  return rows.flatMap(({ service, spec }) => {
    const paths = find(service, spec);
    if (paths.length === 0) return [`${spec} (${service}) has no test`];
    return paths.flatMap((path) => {
      const text = read(path);
      if (text === undefined) return [`${spec} (${service}) names test/${path}, which does not exist`];
      return text.includes(spec) ? [] : [`${spec} (${service}) names test/${path}, which does not mention ${spec}`];
    });
  });
}

/** @returns one line for each entry of the list that no service declares any more. */
export function staleEntries(rows: readonly (Pick<Conformance, 'spec'> & { readonly service: Service })[]): string[] {
  const declared = new Set(rows.map(({ service, spec }) => `${service} ${spec}`));
  return Object.entries(listed).flatMap(([service, specs]) =>
    Object.keys(specs)
      .filter((spec) => !declared.has(`${service} ${spec}`))
      .map((spec) => `${service} declares no ${spec}`),
  );
}

function readIfThere(file: URL): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
