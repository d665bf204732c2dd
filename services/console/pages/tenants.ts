/** The list of tenants, the policy of one, its DNS records and components. */
import { html } from 'hono/html';
import { fieldsOf, shownValue } from '../core/fields.ts';
import { actionButton, formLink, type Html } from '../core/form.ts';
import { badge, card, formCard, nextLink, page, table, tenantPath } from '../core/layout.ts';
import { mayDo, operationNamed, read, type View } from '../core/view.ts';
import { certificateCards } from './certificate.ts';
import { tenantFrame } from './tenant-frame.ts';

interface TenantList {
  readonly tenants: readonly {
    readonly domain: string;
    readonly createdAt: string;
    readonly registration: string;
    readonly retentionDays: number;
    /** The record that its DNS lacks. */
    readonly proof?: { readonly name: string; readonly text: string };
  }[];
  readonly next?: string;
}

const listPath = '/console/tenants';

export async function tenantsPage(view: View): Promise<Html> {
  const { texts, c } = view;
  const after = c.req.query('after');
  const found = await read<TenantList>(view, 'tenant-list', after === undefined ? {} : { after });
  const head = ['domain', 'registration', 'retention', 'created'].map((name) => texts.of(`tenants.${name}`));
  const rows = found.tenants.map(({ domain, createdAt, registration, retentionDays, proof }) => [
    html`<a href="${tenantPath(domain)}">${domain}</a>${proof === undefined ? '' : proofHtml(view, domain, proof)}`,
    badge(registration === 'open' ? 'warn' : 'plain', texts.choice(registration)),
    retentionDays === 0 ? texts.of('tenants.forEver') : texts.of('tenants.days', { count: retentionDays }),
    texts.moment(createdAt),
  ]);
  return page(view, {
    title: texts.of('nav.tenants'),
    nav: 'tenants',
    body: html`<div class="columns"><div>${table(texts.of('nav.tenants'), head, rows, texts.of('list.empty'))}
      ${nextLink(view, listPath, found.next)}</div>
      ${formCard(view, texts.of('tenants.add'), 'tenant-add', { back: listPath })}</div>`,
  });
}

/** What has to be in the DNS of the domain before it is served. */
function proofHtml(view: View, domain: string, { name, text }: { readonly name: string; readonly text: string }): Html {
  const { texts } = view;
  return html`<p class="detail">${badge('warn', texts.of('tenants.unproven'))} ${texts.of('tenants.record')}
    <code>${name}. TXT &quot;${text}&quot;</code></p>
    ${actionButton(view, 'tenant-prove', { domain }, { back: listPath, label: texts.of('tenants.prove'), about: domain })}`;
}

export async function policyPage(view: View, domain: string): Promise<Html> {
  const { texts } = view;
  const { policy, policyVersion } = await read<{
    readonly policy: Readonly<Record<string, unknown>>;
    readonly policyVersion: number;
  }>(view, 'tenant-show', { domain });
  const back = tenantPath(domain);
  const options = {
    back,
    fixed: { domain, policyVersion },
    isFixedHidden: true,
    values: policy,
    submit: texts.of('tenant.save'),
  };
  return tenantFrame(
    view,
    domain,
    'policy',
    html`${formCard(view, texts.of('nav.policy'), 'tenant-set', options, texts.of('tenant.policyNote'))}
    ${fixedPolicy(view, policy)}
    ${
      mayDo(view, 'tenant-remove')
        ? html`<section class="card danger"><h2>${texts.of('tenant.remove')}</h2><p class="note">${texts.of('tenant.removeNote')}</p>
        <p class="actions">${formLink(view, 'tenant-remove', { domain }, { back: listPath, label: texts.of('tenant.remove'), about: domain, kind: 'danger' })}</p></section>`
        : ''
    }`,
  );
}

/** What of the policy whoever looks at it cannot change. */
function fixedPolicy(view: View, policy: Readonly<Record<string, unknown>>): Html | string {
  const set = operationNamed(view, 'tenant-set')!;
  const open = mayDo(view, 'tenant-set') ? fieldsOf(set, view.texts, view.who.rights).map(({ name }) => name) : [];
  const shown = fieldsOf(set, view.texts).filter(({ name }) => Object.hasOwn(policy, name) && !open.includes(name));
  if (shown.length === 0) return '';
  const facts = shown.map(({ name, label }) => html`<div><dt>${label}</dt><dd>${shownValue(policy[name]) || '–'}</dd></div>`);
  return card(view.texts.of('tenant.fixed'), html`<dl class="facts">${facts}</dl>`);
}

export async function dnsPage(view: View, domain: string): Promise<Html> {
  const { texts, dependencies, who, c } = view;
  const canExamine = dependencies.examine !== undefined && who.domain === undefined;
  const preset = await presetTarget(view, domain);
  const target = c.req.query('target') ?? preset?.host ?? '';
  const serversTarget = target === preset?.host ? preset.serversHost : target;
  return tenantFrame(
    view,
    domain,
    'dns',
    html`${await certificateCards(view, domain, `${tenantPath(domain)}/dns`)}
    ${card(
      texts.of('tenant.records'),
      html`<form method="get" class="form row"><div class="field"><label for="target">${texts.of('tenant.target')}</label>
        <input type="text" id="target" name="target" value="${target}" placeholder="xmpp.example.net" spellcheck="false" autocapitalize="none" required></div>
        <p class="actions"><button type="submit">${texts.of('tenant.showRecords')}</button></p></form>${recordsHtml(view, domain, target, serversTarget)}`,
      texts.of('tenant.recordsNote'),
    )}
    ${
      canExamine
        ? card(
            texts.of('tenant.doctor'),
            html`<p class="actions"><a class="button" href="${tenantPath(domain)}/doctor" hx-get="${tenantPath(domain)}/doctor" hx-select="#findings" hx-target="#findings" hx-swap="outerHTML" hx-indicator="#looking">${texts.of('tenant.look')}</a> <span id="looking" class="indicator" role="status">${texts.of('tenant.looking')}</span></p><div id="findings"></div>`,
            texts.of('tenant.doctorNote'),
          )
        : ''
    }`,
  );
}

interface Place {
  readonly host: string;
  readonly serversHost: string;
}

/** Where the domain is served, as far as somebody here can know: as its cell tells operators, or under the name by which one process is seen. */
async function presetTarget(view: View, domain: string): Promise<Place | undefined> {
  const { c, dependencies, who } = view;
  if (who.domain === undefined) {
    const { cells } = await read<{ readonly cells: readonly Place[] }>(view, 'cell-list', { domain });
    if (cells.length === 1) return cells[0];
  }
  const host = new URL(c.req.url).hostname;
  const isPublic = host.includes('.') && typeof dependencies.recordsOf?.(domain, host) === 'object';
  // In a cell, the pages are behind another name than the streams.
  return isPublic && dependencies.examine !== undefined ? { host, serversHost: host } : undefined;
}

function recordsHtml({ texts, dependencies }: View, domain: string, target: string, serversTarget: string): Html | string {
  if (target === '' || dependencies.recordsOf === undefined) return '';
  const records = dependencies.recordsOf(domain, target, serversTarget);
  if (typeof records === 'string') return html`<p class="notice bad" role="alert">${records}</p>`;
  const head = ['record', 'type', 'data', 'for'].map((name) => texts.of(`tenant.${name}`));
  const rows = records.map(({ name, type, data, text }) => [html`<code>${name}</code>`, type, html`<code>${data}</code>`, text]);
  return table(texts.of('tenant.records'), head, rows, texts.of('list.empty'));
}

let doctors = 0;

/** What the domain looks like from outside. Only operators of the deployment see it: whoever owns the domain's DNS says whom this connects to. */
export async function doctorPage(view: View, domain: string, max: number, seconds: number): Promise<Html> {
  const { texts, dependencies, who } = view;
  await read(view, 'tenant-show', { domain });
  let body: Html;
  if (who.domain !== undefined || dependencies.examine === undefined) body = html`<p>${texts.of('tenant.noDoctor')}</p>`;
  else if (doctors >= max) body = html`<p class="notice bad" role="alert">${texts.of('error.busy')}</p>`;
  else {
    doctors++;
    try {
      const findings = await dependencies.examine(domain, seconds);
      body = html`<ul class="findings">${findings.map(
        ({ state, subject, text, advice }) =>
          html`<li>${badge(state === 'ok' ? 'good' : state === 'warn' ? 'warn' : 'bad', texts.of(`doctor.${state}`))} <strong>${subject}</strong> ${text}${advice === undefined ? '' : html`<p class="detail">→ ${advice}</p>`}</li>`,
      )}</ul>`;
    } catch (error) {
      body = html`<p class="notice bad" role="alert">${error instanceof Error ? error.message : ''}</p>`;
    } finally {
      doctors--;
    }
  }
  return tenantFrame(view, domain, 'dns', card(texts.of('tenant.doctor'), html`<div id="findings" role="status">${body}</div>`));
}

interface Components {
  readonly components: readonly {
    readonly component: string;
    readonly addedAt: string;
    readonly privileges: Readonly<Record<string, unknown>>;
  }[];
}

export async function componentsPage(view: View, domain: string): Promise<Html> {
  const { texts } = view;
  const { components } = await read<Components>(view, 'component-list', { domain });
  const back = `${tenantPath(domain)}/components`;
  const head = ['component', 'added', 'privileges', 'action'].map((name) => texts.of(`components.${name}`));
  const rows = components.map(({ component, addedAt, privileges }) => [
    component,
    texts.moment(addedAt),
    Object.keys(privileges).length === 0 ? '–' : html`<code>${JSON.stringify(privileges)}</code>`,
    html`${formLink(view, 'component-grant', { domain, component }, { back, label: texts.of('components.grant'), about: component })}
      ${formLink(view, 'component-remove', { domain, component }, { back, label: texts.of('components.remove'), about: component, kind: 'danger' })}`,
  ]);
  return tenantFrame(
    view,
    domain,
    'components',
    html`${table(texts.of('nav.components'), head, rows, texts.of('components.empty'))}
      ${mayDo(view, 'component-grant') ? html`<p class="note">${texts.of('components.add')} <code>npx skylark component add irc.${domain}</code></p>` : ''}`,
  );
}
