/** The rooms of a tenant, and one of them with who is in it. */
import { html } from 'hono/html';
import type { RoomFound } from '../../../lib/runtime/room-admin-wire.ts';
import { actionButton, formLink, type Html } from '../core/form.ts';
import { badge, card, formCard, nextLink, table, tenantPath } from '../core/layout.ts';
import { mayDo, read, type View } from '../core/view.ts';
import { tenantFrame } from './tenant-frame.ts';

function nameOf(room: string): string {
  return room.slice(0, room.lastIndexOf('@'));
}

export async function roomsPage(view: View, domain: string): Promise<Html> {
  const { texts, c } = view;
  const after = c.req.query('after');
  const found = await read<{
    readonly rooms: readonly { readonly room: string; readonly createdAt: string; readonly madeBy?: string }[];
    readonly next?: string;
  }>(view, 'room-list', after === undefined ? { domain } : { domain, after });
  const back = `${tenantPath(domain)}/rooms`;
  const head = ['room', 'created', 'madeBy', 'action'].map((name) => texts.of(`rooms.${name}`));
  const rows = found.rooms.map(({ room, createdAt, madeBy }) => [
    html`<a href="${back}/${encodeURIComponent(nameOf(room))}">${room}</a>`,
    texts.moment(createdAt),
    madeBy ?? '–',
    formLink(
      view,
      'room-destroy',
      { domain, room: nameOf(room) },
      { back, label: texts.of('rooms.destroy'), about: room, kind: 'danger' },
    ),
  ]);
  return tenantFrame(
    view,
    domain,
    'rooms',
    html`${table(texts.of('nav.rooms'), head, rows, texts.of('rooms.empty'))}${nextLink(view, back, found.next)}`,
  );
}

type Room = RoomFound & { readonly room: string };

const settings = ['isPersistent', 'isPublic', 'isMembersOnly', 'isModerated', 'hasPassword'] as const;

export async function roomPage(view: View, domain: string, name: string): Promise<Html> {
  const { texts } = view;
  const room = await read<Room>(view, 'room-show', { domain, room: name });
  const list = `${tenantPath(domain)}/rooms`;
  const own = `${list}/${encodeURIComponent(name)}`;
  const flags = settings.filter((setting) => room[setting]).map((setting) => badge('plain', texts.of(`rooms.${setting}`)));
  const change = (person: string) =>
    formLink(
      view,
      'room-affiliate',
      { domain, room: name, person, version: room.version },
      { back: own, label: texts.of('rooms.change'), about: person },
    );
  const kick = (nick: string) =>
    actionButton(view, 'room-kick', { domain, room: name, nick }, { back: own, label: texts.of('rooms.kick'), about: nick });
  const occupants = room.occupants.map(({ nick, jid, role }) => [
    nick,
    jid,
    texts.choice(role),
    html`${change(jid)} ${kick(nick)}`,
  ]);
  const affiliations = room.affiliations.map(({ jid, affiliation, reason }) => [
    html`${jid}${reason === undefined ? '' : html`<p class="detail">${reason}</p>`}`,
    badge(affiliation === 'outcast' ? 'bad' : 'plain', texts.choice(affiliation)),
    change(jid),
  ]);
  const headOf = (...names: readonly string[]) => names.map((one) => texts.of(`rooms.${one}`));
  return tenantFrame(
    view,
    domain,
    'rooms',
    html`<dl class="facts wide">
      <div><dt>${texts.of('rooms.name')}</dt><dd>${room.name || '–'}</dd></div>
      <div><dt>${texts.of('rooms.created')}</dt><dd>${texts.moment(room.createdAt)}</dd></div>
      <div><dt>${texts.of('rooms.settings')}</dt><dd>${flags.length === 0 ? '–' : flags.map((flag) => html`${flag} `)}</dd></div></dl>
    ${room.description === '' ? '' : html`<p class="note">${room.description}</p>`}
    ${card(
      texts.of('rooms.occupants', { count: room.occupantCount }),
      table(texts.of('rooms.inside'), headOf('nick', 'address', 'role', 'action'), occupants, texts.of('rooms.nobody')),
    )}
    ${card(
      texts.of('rooms.affiliations', { count: room.affiliationCount }),
      table(texts.of('rooms.belonging'), headOf('address', 'affiliation', 'action'), affiliations, texts.of('rooms.none')),
    )}
    <div class="grid">${formCard(view, texts.of('rooms.affiliate'), 'room-affiliate', {
      ...{ fixed: { domain, room: name, version: room.version }, isFixedHidden: true, back: own },
    })}
    ${
      mayDo(view, 'room-destroy')
        ? html`<section class="card danger"><h2>${texts.of('rooms.destroy')}</h2>
      <p class="actions">${formLink(view, 'room-destroy', { domain, room: name }, { back: list, label: texts.of('rooms.destroy'), about: room.room, kind: 'danger' })}</p></section>`
        : ''
    }</div>`,
    room.room,
    [{ label: texts.of('nav.rooms'), path: list }],
  );
}
