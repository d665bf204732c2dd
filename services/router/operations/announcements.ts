/** Operations on announcements: messages from the domain to all accounts of a tenant, or to those that are online. */
import { z } from 'zod';
import { firstIdAt } from '../../../lib/runtime/ids.ts';
import type { Item } from '../../../lib/runtime/rows.ts';
import { update } from '../../../lib/runtime/update.ts';
import type { Dependencies } from '../core/dependencies.ts';
import {
  type Announcement,
  announce,
  announcementRows,
  announcements,
  announcementTargets,
  isOver,
  keptUntilMs,
} from '../later/announcements.ts';
import { afterInput, domainInput, findTenant, noticeInput } from './inputs.ts';
import { operationLimits } from './limits.ts';
import { operation } from './operation.ts';
import { Refusal } from './refusal.ts';

const target = z.enum(announcementTargets);

const described = z.object({
  id: z.string(),
  at: z.string(),
  by: z.string(),
  target,
  subject: z.string().optional(),
  text: z.string(),
  /** Messages that were sent so far. */
  told: z.number(),
  state: z.enum(['under way', 'done', 'cancelled']),
});

function describe({ key: id, value }: Pick<Item<Announcement>, 'key' | 'value'>): z.input<typeof described> {
  const { atMs, by, target: to, subject, text, told, endedMs, isCancelled } = value;
  const state = isCancelled ? 'cancelled' : endedMs === undefined ? 'under way' : 'done';
  return { id, at: new Date(atMs).toISOString(), by, target: to, subject, text, told, state };
}

export const announcementSend = operation({
  name: 'announcement-send',
  input: z.strictObject({
    domain: domainInput,
    target: target
      .default('online')
      .describe('online: whoever is there now; all: every account, and it waits for whoever is away'),
    ...noticeInput,
  }),
  output: described,
  right: 'tenant.announce',
  isRepeatable: false,
  help: 'Sends a message from the domain to all accounts of a tenant, or to those that are online.',
  commands: ['announcement send'],
  http: { method: 'post', path: '/tenants/{domain}/announcements' },
  async run(dependencies, { domain, target: to, subject, text }, { by }) {
    const tenant = await findTenant(dependencies, domain);
    await checkShare(dependencies, domain);
    const id = dependencies.ids.mint();
    const made: Announcement = { target: to, subject, text, by, atMs: dependencies.clock.now(), told: 0 };
    await announce(dependencies, tenant, id, made);
    return describe({ key: id, value: made });
  },
});

/** @throws {Refusal} */
async function checkShare(dependencies: Dependencies, domain: string): Promise<void> {
  const { announcementsPerDayMax: perDayMax, announcementsUnderWayMax: underWayMax } = operationLimits;
  const after = firstIdAt(dependencies.clock.now() - 24 * 60 * 60 * 1_000);
  const today = await announcementRows(dependencies, domain).list(announcements, { limit: perDayMax, after });
  if (today.length >= perDayMax)
    throw new Refusal('conflict', `tenant '${domain}' has made ${perDayMax} announcements in 24 hours, and more are not allowed`);
  if (today.filter(({ value }) => !isOver(value)).length >= underWayMax)
    throw new Refusal('conflict', `${underWayMax} announcements of '${domain}' are under way: wait for one, or cancel it`);
}

export const announcementList = operation({
  name: 'announcement-list',
  input: z.strictObject({ domain: domainInput, after: afterInput }),
  output: z.object({ announcements: z.array(described), next: z.string().optional() }),
  right: 'tenant.see',
  isRepeatable: true,
  help: 'Lists a page of the announcements of a tenant of the last 30 days with how far they have come, the newest first.',
  commands: ['announcement list'],
  http: { method: 'get', path: '/tenants/{domain}/announcements' },
  async run(dependencies, { domain, after: before }) {
    await findTenant(dependencies, domain);
    const limit = operationLimits.announcementPageMax;
    const options = { limit, before, backward: true };
    const found = await announcementRows(dependencies, domain).list(announcements, options);
    found.sort((a, b) => (a.key < b.key ? 1 : -1));
    return { announcements: found.map(describe), next: found.length === limit ? found.at(-1)?.key : undefined };
  },
});

export const announcementCancel = operation({
  name: 'announcement-cancel',
  input: z.strictObject({ domain: domainInput, id: z.string().min(1).max(operationLimits.versionCharactersMax) }),
  output: described,
  right: 'tenant.announce',
  isRepeatable: true,
  help: 'Ends an announcement that is under way: whoever was not told yet is not told any more.',
  commands: ['announcement cancel'],
  http: { method: 'delete', path: '/tenants/{domain}/announcements/{id}' },
  async run(dependencies, { domain, id }) {
    await findTenant(dependencies, domain);
    const rows = announcementRows(dependencies, domain);
    const absent = () =>
      new Refusal('absent', `there is no announcement '${id}'; to see them: skylark announcement list ${domain}`);
    const found = await rows.get(announcements, id);
    if (found === undefined) throw absent();
    const endedMs = dependencies.clock.now();
    const change = (there: Announcement | undefined): Announcement => {
      if (there === undefined) throw absent();
      if (there.isCancelled) return there;
      if (isOver(there)) throw new Refusal('conflict', `the announcement '${id}' has been told to all`);
      return { ...there, isCancelled: true, endedMs };
    };
    const value = await update(rows, announcements, id, change, keptUntilMs(found.value));
    return describe({ key: id, value: value! });
  },
});
