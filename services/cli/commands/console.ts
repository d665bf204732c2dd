/** `skylark console` prints a link that opens the console once. */
import { consoleLink } from '../../router/operations/console.ts';
import { findDataFolder } from '../compose/data-folder.ts';
import type { Values } from '../core/arguments.ts';
import { say } from '../core/report.ts';
import { openAdmin } from './admin-client.ts';
import { adminOf, none, withAdmin } from './admin-command.ts';
import type { consoleOptions } from './console-options.ts';

/** Where the web service of a service with its own folder is, unless it was started otherwise. */
export async function openConsole(values: Values<typeof consoleOptions>, positionals: readonly string[]): Promise<number> {
  none('console', positionals);
  const open = values.dynamodb === undefined ? () => openAdmin(findDataFolder(values.data)) : adminOf(values);
  return withAdmin(open, async (admin) => {
    const { path, expiresAt } = await admin.ask(consoleLink, {});
    if (values.json) say(JSON.stringify({ url: `${values.webUrl}${path}`, expiresAt }));
    else say(`${values.webUrl}${path}`, `It opens the console once, until ${expiresAt}.`);
  });
}
