/** The webhooks of a tenant, and how it goes with them. */
import { html } from 'hono/html';
import { actionButton, formLink, type Html } from '../core/form.ts';
import { badge, formCard, table, tenantPath } from '../core/layout.ts';
import { read, type View } from '../core/view.ts';
import { tenantFrame } from './tenant-frame.ts';

interface Webhooks {
  readonly webhooks: readonly {
    readonly id: string;
    readonly url: string;
    readonly events: readonly string[];
    readonly sent: number;
    readonly waiting: number;
    readonly dropped: number;
    readonly failures: number;
    readonly lastError?: string;
    readonly lastSentAt?: string;
    readonly nextAt?: string;
  }[];
}

export async function webhooksPage(view: View, domain: string): Promise<Html> {
  const { texts } = view;
  const back = `${tenantPath(domain)}/webhooks`;
  const { webhooks } = await read<Webhooks>(view, 'webhook-list', { domain });
  const head = ['url', 'state', 'sent', 'waiting', 'action'].map((name) => texts.of(`webhooks.${name}`));
  const rows = webhooks.map(({ id, url, events, sent, waiting, dropped, failures, lastError, lastSentAt, nextAt }) => [
    html`${url}<p class="detail">${events.join(', ')} <code>${id}</code></p>`,
    failures > 0
      ? html`${badge('bad', texts.of('webhooks.failing', { count: failures }))}<p class="detail">${lastError ?? ''}${
          nextAt === undefined ? '' : html` ${texts.of('webhooks.next', { at: texts.moment(nextAt) })}`
        }</p>`
      : lastSentAt === undefined
        ? '–'
        : badge('good', texts.moment(lastSentAt)),
    dropped === 0
      ? texts.number(sent)
      : html`${texts.number(sent)}<p class="detail">${texts.of('webhooks.dropped', { count: dropped })}</p>`,
    texts.number(waiting),
    html`${actionButton(view, 'webhook-test', { domain, id }, { back, label: texts.of('webhooks.test'), about: url })}
      ${formLink(view, 'webhook-remove', { domain, id }, { back, label: texts.of('webhooks.remove'), about: url, kind: 'danger' })}`,
  ]);
  return tenantFrame(
    view,
    domain,
    'webhooks',
    html`<div class="columns"><div>${table(texts.of('nav.webhooks'), head, rows, texts.of('webhooks.empty'))}</div>
      ${formCard(view, texts.of('webhooks.add'), 'webhook-add', { back, fixed: { domain }, isFixedHidden: true }, texts.of('webhooks.note'))}</div>`,
  );
}
