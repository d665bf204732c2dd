/** Operations on what people have reported of those whom they blocked (XEP-0377). */
import { z } from 'zod';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { featureLimits } from '../features/limits.ts';
import { findReport, listReports, removeReport } from '../features/xep0377-block-reports.ts';
import { afterInput, domainInput, findTenant } from './inputs.ts';
import { operation } from './operation.ts';
import { Refusal } from './refusal.ts';

/** What somebody has written to whoever reads reports. What the report names of messages is content. */
const described = z.object({
  id: z.string(),
  at: z.string(),
  by: z.string(),
  jid: z.string(),
  reason: z.string(),
  texts: z.array(z.string()),
  /** How many messages are kept with it. */
  messages: z.number(),
  /** How many messages it names that the reporter has not received from there. */
  unknown: z.number(),
  /** What the reporter allows to be done with it: `report-origin`, `third-party`. */
  allows: z.array(z.string()),
});

export const reportList = operation({
  name: 'report-list',
  input: z.strictObject({ domain: domainInput, after: afterInput }),
  output: z.object({ reports: z.array(described), next: z.string().optional() }),
  right: 'tenant.reports',
  isRepeatable: true,
  help: 'Lists a page of what people of a tenant have reported of those whom they blocked, the oldest first.',
  commands: ['report list'],
  http: { method: 'get', path: '/tenants/{domain}/reports' },
  async run(dependencies, { domain, after }) {
    const tenant = await findTenant(dependencies, domain);
    const limit = featureLimits.reportPageMax;
    const found = await listReports(dependencies, tenant, limit, after);
    const reports = found.map(({ key: id, value: { by, texts, messages, allows, ...said } }) => ({
      ...{ id, by: `${Jid.of(by, domain)}`, ...said },
      ...{ texts: [...texts], messages: messages.length, allows: [...allows] },
    }));
    return { reports, next: found.length === limit ? found.at(-1)?.key : undefined };
  },
});

const idInput = z.string().min(1).max(featureLimits.reportIdCharacters);

export const reportShow = operation({
  name: 'report-show',
  input: z.strictObject({ domain: domainInput, id: idInput }),
  output: z.object({
    id: z.string(),
    messages: z.array(z.object({ at: z.string(), body: z.string().optional(), xml: z.string().optional() })),
  }),
  right: 'tenant.content',
  isRepeatable: true,
  help: 'Shows the messages of a report. Each look stands in the audit log.',
  commands: ['report show'],
  http: { method: 'get', path: '/tenants/{domain}/reports/{id}/messages' },
  async run(dependencies, { domain, id }) {
    const found = await findReport(dependencies, await findTenant(dependencies, domain), id);
    if (found === undefined) throw noReport(domain, id);
    return { id, messages: [...found.messages] };
  },
});

export const reportRemove = operation({
  name: 'report-remove',
  input: z.strictObject({ domain: domainInput, id: idInput }),
  output: z.object({ id: z.string() }),
  right: 'tenant.reports',
  isRepeatable: true,
  help: 'Deletes a report; without it, reports go after 90 days.',
  commands: ['report remove'],
  http: { method: 'delete', path: '/tenants/{domain}/reports/{id}' },
  async run(dependencies, { domain, id }) {
    if (!(await removeReport(dependencies, await findTenant(dependencies, domain), id))) throw noReport(domain, id);
    return { id };
  },
});

function noReport(domain: string, id: string): Refusal {
  return new Refusal('absent', `there is no report '${id}'; to see them: skylark report list ${domain}`);
}
