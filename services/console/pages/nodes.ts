/** The processes of the deployment: how they are, of which release, and that one lets go of its sessions, or takes streams again. */
import { html } from 'hono/html';
import { formLink, type Html } from '../core/form.ts';
import { badge, page, table } from '../core/layout.ts';
import { read, type View } from '../core/view.ts';

export interface Status {
  readonly nodes: readonly {
    readonly name: string;
    readonly kind: string;
    readonly subject: string;
    readonly since: string;
    readonly state: 'up' | 'draining' | 'silent';
    readonly release?: string;
    readonly figures: Readonly<Record<string, number>>;
  }[];
  readonly parked: number;
}

const kinds = { up: 'good', draining: 'warn', silent: 'bad' } as const;
/** What a node in this state can be asked for. */
const asked = { up: 'node-drain', draining: 'node-undrain' } as const;
const columns = ['streams', 'sessions', 'parked', 'rooms', 'batches'] as const;
const path = '/console/nodes';

export async function nodesPage(view: View): Promise<Html> {
  const { texts } = view;
  const { nodes, parked } = await read<Status>(view, 'status');
  const hasReleases = nodes.some(({ release }) => release !== undefined);
  const head = ['name', 'kind', 'state', 'since', ...(hasReleases ? ['release'] : []), ...columns, 'action'].map((name) =>
    texts.of(`nodes.${name}`),
  );
  const rows = nodes.map(({ name, kind, subject, since, state, release, figures }) => [
    name,
    kind,
    badge(kinds[state], texts.of(`nodes.${state}`)),
    texts.moment(since),
    ...(hasReleases ? [html`<code>${release ?? '–'}</code>`] : []),
    ...columns.map((column) => (figures[column] === undefined ? '–' : texts.number(figures[column]))),
    kind === 'connection' && state !== 'silent'
      ? formLink(view, asked[state], { node: subject }, { back: path, label: texts.of(`nodes.${asked[state]}`), about: name })
      : '',
  ]);
  return page(view, {
    title: texts.of('nav.nodes'),
    nav: 'nodes',
    body: html`${table(texts.of('nav.nodes'), head, rows, texts.of('list.empty'))}
      <p class="note">${texts.of('nodes.inStore', { count: parked })}</p>`,
  });
}
