/** `skylark user show|disable|enable`. */
import { userDisable, userEnable, userShow } from '../../router/operations/user-access.ts';
import type { Values } from '../core/arguments.ts';
import { say } from '../core/report.ts';
import type { runningListOptions, runningOptions } from './account-options.ts';
import { adminOf, one, withAdmin } from './admin-command.ts';

export async function showUser(values: Values<typeof runningListOptions>, positionals: readonly string[]): Promise<number> {
  const jid = one('user show', 'JID', positionals);
  return withAdmin(adminOf(values), async (admin) => {
    const found = await admin.ask(userShow, { jid });
    if (values.json) say(JSON.stringify(found));
    else {
      const { version: _, ...shown } = found; // for programs
      for (const [name, value] of Object.entries(shown)) say(`${name.padEnd(12)}${value}`);
    }
  });
}

export async function disableUser(values: Values<typeof runningOptions>, positionals: readonly string[]): Promise<number> {
  const jid = one('user disable', 'JID', positionals);
  return withAdmin(adminOf(values), async (admin) => {
    say(`${(await admin.ask(userDisable, { jid })).jid} is disabled, and its sessions have ended`);
  });
}

export async function enableUser(values: Values<typeof runningOptions>, positionals: readonly string[]): Promise<number> {
  const jid = one('user enable', 'JID', positionals);
  return withAdmin(adminOf(values), async (admin) => {
    say(`${(await admin.ask(userEnable, { jid })).jid} can sign in again`);
  });
}
