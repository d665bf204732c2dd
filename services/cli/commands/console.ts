/** `skylark console` prints a link that opens the console once. */
import { consoleLink } from '../../router/operations/console.ts';
import { findDataFolder } from '../compose/data-folder.ts';
import type { Values } from '../core/arguments.ts';
import { say } from '../core/report.ts';
import { openAdmin } from './admin-client.ts';
import { adminOf, none, withAdmin } from './admin-command.ts';
import type { consoleOptions } from './console-options.ts';
import { webOrigin } from './web-origin.ts';

export async function openConsole(values: Values<typeof consoleOptions>, positionals: readonly string[]): Promise<number> {
  none('console', positionals);
  const open = values.dynamodb === undefined ? () => openAdmin(findDataFolder(values.data)) : adminOf(values);
  return withAdmin(open, async (admin) => {
    const { path, expiresAt } = await admin.ask(consoleLink, {});
    const url = `${await webOrigin(values, admin)}${path}`;
    if (values.json) say(JSON.stringify({ url, expiresAt }));
    else say(url, `It opens the console once, until ${expiresAt}.`);
  });
}
