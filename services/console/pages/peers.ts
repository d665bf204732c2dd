/** The streams to other servers, of all tenants or of one. */
import { html } from 'hono/html';
import { actionButton, type Html } from '../core/form.ts';
import { badge, page, table, tenantPath } from '../core/layout.ts';
import { read, type View } from '../core/view.ts';
import { tenantFrame } from './tenant-frame.ts';

interface Peers {
  readonly peers: readonly {
    readonly tenant: string;
    readonly host: string;
    readonly peer: string;
    readonly state: 'open' | 'connecting' | 'resting' | 'idle' | 'unowned';
    readonly proof?: string;
    readonly lastError?: string;
    readonly waiting?: number;
    readonly oldestMs?: number;
    readonly retryInMs?: number;
  }[];
  readonly isMore: boolean;
}

const kinds = { open: 'good', connecting: 'warn', resting: 'bad', idle: 'plain', unowned: 'bad' } as const;

export async function peersPage(view: View): Promise<Html> {
  const { texts } = view;
  const found = await read<Peers>(view, 'peer-list');
  return page(view, { title: texts.of('nav.peers'), nav: 'peers', body: listOf(view, found, '/console/peers') });
}

export async function tenantPeersPage(view: View, domain: string): Promise<Html> {
  const found = await read<Peers>(view, 'peer-tenant-list', { domain });
  return tenantFrame(view, domain, 'peers', listOf(view, found, `${tenantPath(domain)}/peers`));
}

function listOf(view: View, { peers, isMore }: Peers, back: string): Html {
  const { texts } = view;
  const head = ['host', 'peer', 'state', 'proof', 'waiting', 'action'].map((name) => texts.of(`peers.${name}`));
  const rows = peers.map(({ tenant, host, peer, state, proof, lastError, waiting, oldestMs = 0 }) => [
    host,
    html`${peer}${lastError === undefined ? '' : html`<p class="detail bad">${lastError}</p>`}`,
    badge(kinds[state], texts.of(`peers.${state}`)),
    proof ?? '–',
    waiting ? texts.of('peers.waitingFor', { count: waiting, seconds: Math.round(oldestMs / 1_000) }) : '–',
    state === 'open'
      ? ''
      : actionButton(view, 'peer-retry', { domain: tenant, peer }, { back, label: texts.of('peers.retry'), about: peer }),
  ]);
  return html`${table(texts.of('nav.peers'), head, rows, texts.of('peers.empty'))}
    ${isMore ? html`<p class="note">${texts.of('list.more')}</p>` : ''}`;
}
