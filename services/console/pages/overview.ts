/** The first page: live figures and processes for operators of the deployment, the state of the tenant for its admins. */
import { html } from 'hono/html';
import { isStreaming } from '../../../lib/runtime/browser.ts';
import type { Html } from '../core/form.ts';
import { badge, card, page, tenantPath } from '../core/layout.ts';
import { type Sample, type SeriesName, seriesNames } from '../core/live.ts';
import { ask, read, type View } from '../core/view.ts';
import type { Status } from './nodes.ts';

export async function overviewPage(view: View): Promise<Html> {
  return view.who.domain === undefined ? deploymentPage(view) : tenantOverview(view, view.who.domain);
}

async function deploymentPage(view: View): Promise<Html> {
  const { texts, dependencies } = view;
  const [status, tenants] = await Promise.all([
    read<Status>(view, 'status'),
    read<{ readonly tenants: readonly { readonly domain: string }[]; readonly next?: string }>(view, 'tenant-list'),
  ]);
  const sum = (figure: string) => status.nodes.reduce((total, { figures }) => total + (figures[figure] ?? 0), 0);
  const totals = [
    [texts.of('overview.tenants'), `${texts.number(tenants.tenants.length)}${tenants.next === undefined ? '' : '+'}`],
    [texts.of('overview.sessions'), texts.number(sum('sessions'))],
    [texts.of('overview.parked'), texts.number(status.parked)],
    [texts.of('overview.rooms'), texts.number(sum('rooms'))],
    [texts.of('overview.nodes'), texts.number(status.nodes.length)],
  ] as const;
  const live = isStreaming(view.c) ? dependencies.live : undefined;
  return page(view, {
    title: texts.of('overview.title'),
    nav: 'overview',
    body: html`<ul class="tiles">${totals.map(([label, value]) => tile(label, value))}</ul>
    ${
      live === undefined
        ? ''
        : html`<section class="card live"><h2>${texts.of('overview.live')}</h2><p class="note">${texts.of('overview.liveNote')}</p>
      <div id="live" hx-sse:connect="/console/live" hx-swap="innerHTML" aria-live="off">${figures(view, live.samples.at(-1))}</div>
      <div class="charts" data-history="${JSON.stringify(history(live.samples))}">${seriesNames.map(
        (name) =>
          html`<figure class="chart" data-series="${name}"><figcaption>${texts.of(`series.${name}`)}</figcaption><div class="plot" role="img" aria-label="${texts.of('overview.curve', { name: texts.of(`series.${name}`) })}"></div></figure>`,
      )}</div></section>`
    }
    ${card(
      texts.of('overview.start'),
      html`<ul class="links">
      <li><a href="/console/tenants">${texts.of('overview.addTenant')}</a></li>
      ${tenants.tenants.slice(0, 3).map(({ domain }) => html`<li><a href="${tenantPath(domain)}/accounts">${texts.of('overview.accountsOf', { domain })}</a></li>`)}
      <li><a href="/api/">${texts.of('overview.api')}</a></li></ul>`,
    )}`,
  });
}

function tile(label: string, value: string): Html {
  return html`<li class="tile"><span class="value">${value}</span><span class="label">${label}</span></li>`;
}

/** The figures of the moment. What follows comes as the same piece of HTML, by server-sent events. */
export function figures({ texts }: View, sample: Sample | undefined): Html {
  const value = (name: SeriesName) => {
    const found = sample?.values[name];
    return found === undefined || found === null ? '–' : texts.number(found);
  };
  return html`<ul class="tiles minor" data-point="${JSON.stringify(sample === undefined ? [] : pointOf(sample))}">${seriesNames.map(
    (name) =>
      html`<li class="tile"><span class="value">${value(name)}</span><span class="label">${texts.of(`series.${name}`)}</span></li>`,
  )}</ul>`;
}

function pointOf({ at, values }: Sample): (number | null)[] {
  return [at, ...seriesNames.map((name) => values[name])];
}

/** By columns, as uPlot takes them. */
function history(samples: readonly Sample[]): (number | null)[][] {
  return [samples.map(({ at }) => at), ...seriesNames.map((name) => samples.map(({ values }) => values[name]))];
}

async function tenantOverview(view: View, domain: string): Promise<Html> {
  const { texts } = view;
  const [users, rooms, shown, audit] = await Promise.all([
    read<{ readonly users: readonly string[]; readonly next?: string }>(view, 'user-list', { domain }),
    read<{ readonly rooms: readonly unknown[]; readonly next?: string }>(view, 'room-list', { domain }),
    read<{ readonly policy: Readonly<Record<string, unknown>> }>(view, 'tenant-show', { domain }),
    ask(view, 'certificate-show', { domain }),
  ]);
  const count = (list: readonly unknown[], next: string | undefined) =>
    `${texts.number(list.length)}${next === undefined ? '' : '+'}`;
  const certificate = (audit.result as { readonly certificate?: { readonly notAfter: string } } | undefined)?.certificate;
  const base = tenantPath(domain);
  return page(view, {
    title: domain,
    nav: 'overview',
    body: html`<ul class="tiles">
      ${tile(texts.of('overview.accounts'), count(users.users, users.next))}
      ${tile(texts.of('overview.rooms'), count(rooms.rooms, rooms.next))}
      ${tile(texts.of('fields.registration.label'), texts.choice(`${shown.policy.registration as string}`))}
      ${tile(texts.of('fields.federation.label'), texts.choice(`${shown.policy.federation as string}`))}
    </ul>
    ${card(
      texts.of('tenant.certificate'),
      certificate === undefined
        ? html`<p>${texts.of('tenant.noCertificate')}</p>`
        : html`<p>${badge('good', texts.of('tenant.validUntil', { date: texts.moment(certificate.notAfter) }))}</p>`,
    )}
    ${card(
      texts.of('overview.start'),
      html`<ul class="links"><li><a href="${base}/accounts">${texts.of('nav.accounts')}</a></li>
      <li><a href="${base}">${texts.of('nav.policy')}</a></li><li><a href="${base}/rooms">${texts.of('nav.rooms')}</a></li></ul>`,
    )}`,
  });
}
