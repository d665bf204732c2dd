/** Operations on the message of the day: what each account of a tenant is told once, when a session of it becomes available (XEP-0133 §4.24). */
import { z } from 'zod';
import type { Motd } from '../../../lib/runtime/tenants.ts';
import { domainInput, findTenant, noticeInput, uncached } from './inputs.ts';
import { operation } from './operation.ts';

const output = z.object({
  domain: z.string(),
  subject: z.string().optional(),
  /** Absent: there is none. */
  text: z.string().optional(),
  setAt: z.string().optional(),
});

export const motdShow = operation({
  name: 'motd-show',
  input: z.strictObject({ domain: domainInput }),
  output,
  right: 'tenant.see',
  isRepeatable: true,
  help: 'Shows the message of the day of a tenant.',
  commands: ['motd show'],
  http: { method: 'get', path: '/tenants/{domain}/motd' },
  async run(dependencies, { domain }) {
    return { domain, ...(await findTenant(dependencies, domain)).motd };
  },
});

export const motdSet = operation({
  name: 'motd-set',
  input: z.strictObject({ domain: domainInput, ...noticeInput }),
  output,
  right: 'tenant.announce',
  isRepeatable: true,
  help: 'Sets the message of the day: each account is told it once, when a session of it becomes available.',
  commands: ['motd set'],
  http: { method: 'put', path: '/tenants/{domain}/motd' },
  async run(dependencies, { domain, subject, text }, { note }) {
    const { motd: there } = await findTenant(dependencies, domain);
    // Who asks again because the answer was lost has not changed it.
    if (there?.text === text && there.subject === subject) return { domain, ...there };
    const { ids, clock } = dependencies;
    const motd: Motd = { id: ids.mint(), subject, text, setAt: new Date(clock.timeOfDay()).toISOString() };
    const before = await uncached(dependencies).setMotd(domain, motd);
    if (before === undefined) await findTenant(dependencies, domain);
    note(before?.motd ?? null, motd);
    return { domain, ...motd };
  },
});

export const motdRemove = operation({
  name: 'motd-remove',
  input: z.strictObject({ domain: domainInput }),
  output: z.object({ domain: z.string() }),
  right: 'tenant.announce',
  isRepeatable: true,
  help: 'Removes the message of the day of a tenant.',
  commands: ['motd remove'],
  http: { method: 'delete', path: '/tenants/{domain}/motd' },
  async run(dependencies, { domain }, { note }) {
    await findTenant(dependencies, domain);
    const before = await uncached(dependencies).setMotd(domain, undefined);
    note(before?.motd ?? null, null);
    return { domain };
  },
});
