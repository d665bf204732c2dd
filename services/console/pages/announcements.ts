/** What operators have told the people of a tenant, and the message of the day. */
import { html } from 'hono/html';
import { formLink, type Html } from '../core/form.ts';
import { badge, formCard, nextLink, table, tenantPath } from '../core/layout.ts';
import { read, type View } from '../core/view.ts';
import { tenantFrame } from './tenant-frame.ts';

interface Announcements {
  readonly announcements: readonly {
    readonly id: string;
    readonly at: string;
    readonly by: string;
    readonly target: 'online' | 'all';
    readonly subject?: string;
    readonly text: string;
    readonly told: number;
    readonly state: 'under way' | 'done' | 'cancelled';
  }[];
  readonly next?: string;
}

interface Motd {
  readonly subject?: string;
  readonly text?: string;
  readonly setAt?: string;
}

const kinds = { 'under way': 'plain', done: 'good', cancelled: 'bad' } as const;

export async function announcementsPage(view: View, domain: string): Promise<Html> {
  const { texts, c } = view;
  const back = `${tenantPath(domain)}/announcements`;
  const after = c.req.query('after');
  const [{ announcements, next }, motd] = await Promise.all([
    read<Announcements>(view, 'announcement-list', { domain, ...(after !== undefined && { after }) }),
    read<Motd>(view, 'motd-show', { domain }),
  ]);
  const head = ['text', 'state', 'told', 'action'].map((name) => texts.of(`announcements.${name}`));
  const rows = announcements.map(({ id, at, by, target, subject, text, told, state }) => [
    html`${subject ?? ''}<p class="said">${text}</p>
      <p class="detail">${texts.moment(at)} · ${by} · ${texts.of(`announcements.${target}`)}</p>`,
    badge(kinds[state], texts.of(`announcements.${state.replace(' ', '-')}`)),
    texts.number(told),
    state === 'under way'
      ? formLink(
          view,
          'announcement-cancel',
          { domain, id },
          { back, label: texts.of('announcements.cancel'), about: text, kind: 'danger' },
        )
      : '',
  ]);
  const form = { back, fixed: { domain }, isFixedHidden: true };
  const { text, subject, setAt } = motd;
  return tenantFrame(
    view,
    domain,
    'announcements',
    html`<div class="columns"><div>${table(texts.of('nav.announcements'), head, rows, texts.of('announcements.empty'))}${nextLink(view, back, next)}</div>
      <div>${formCard(view, texts.of('announcements.add'), 'announcement-send', form, texts.of('announcements.note'))}
      ${formCard(
        view,
        texts.of('announcements.motd'),
        'motd-set',
        { ...form, values: { text, subject } },
        setAt === undefined
          ? texts.of('announcements.no-motd')
          : html`${texts.of('announcements.motd-since', { at: texts.moment(setAt) })}
            ${formLink(view, 'motd-remove', { domain }, { back, label: texts.of('announcements.remove-motd'), about: domain, kind: 'danger' })}`,
      )}
      ${formCard(view, texts.of('announcements.message'), 'message-send', { ...form, suffix: { to: `@${domain}` } })}</div></div>`,
  );
}
