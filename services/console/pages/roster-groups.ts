/** The shared roster groups of a tenant. */
import { html } from 'hono/html';
import { formLink, type Html } from '../core/form.ts';
import { formCard, table, tenantPath } from '../core/layout.ts';
import { read, type View } from '../core/view.ts';
import { tenantFrame } from './tenant-frame.ts';

interface Groups {
  readonly groups: readonly { readonly group: string; readonly members: readonly string[] }[];
}

export async function rosterGroupsPage(view: View, domain: string): Promise<Html> {
  const { texts } = view;
  const back = `${tenantPath(domain)}/roster-groups`;
  const { groups } = await read<Groups>(view, 'roster-group-list', { domain });
  const rows = groups.flatMap(({ group, members }) => [
    [
      html`<strong>${group}</strong>`,
      texts.number(members.length),
      formLink(
        view,
        'roster-group-remove',
        { domain, group },
        { back, label: texts.of('rosterGroups.remove'), about: group, kind: 'danger' },
      ),
    ],
    ...members.map((member) => [
      member,
      '',
      formLink(
        view,
        'roster-group-drop',
        { domain, group, member: member.split(' ')[0]! },
        { back, label: texts.of('rosterGroups.drop'), about: member },
      ),
    ]),
  ]);
  const form = { back, fixed: { domain }, isFixedHidden: true };
  const head = ['group', 'members', 'action'].map((name) => texts.of(`rosterGroups.${name}`));
  return tenantFrame(
    view,
    domain,
    'roster-groups',
    html`<div class="columns"><div>${table(texts.of('nav.roster-groups'), head, rows, texts.of('rosterGroups.empty'))}</div>
      <div>${formCard(view, texts.of('rosterGroups.set'), 'roster-group-set', form, texts.of('rosterGroups.note'))}
      ${groups.length === 0 ? '' : formCard(view, texts.of('rosterGroups.add'), 'roster-group-add', form)}</div></div>`,
  );
}
