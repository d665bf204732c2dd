/** Where the pages of a link are that a command prints. */
import { cellList } from '../../router/operations/cells.ts';
import type { Values } from '../core/arguments.ts';
import type { place } from './account-options.ts';
import type { AdminClient } from './admin-client.ts';
import { localWebUrl, type webUrl } from './console-options.ts';

type Given = Pick<Values<typeof place & { readonly webUrl: typeof webUrl }>, 'webUrl' | 'dynamodb'>;

/**
 * As given, or as the routers of the cell have told, or as the service that runs on the folder says, or where it has them unless it is started
 * otherwise. Ask for the operation first: the service tells it with the answer.
 * @param domain whose pages; absent: those of the deployment
 */
export async function webOrigin({ webUrl, dynamodb }: Given, admin: AdminClient, domain?: string): Promise<string> {
  if (webUrl !== undefined) return webUrl;
  if (dynamodb === undefined) return admin.webUrl ?? localWebUrl;
  const { cells } = await admin.ask(cellList, domain === undefined ? {} : { domain });
  return cells.find((cell) => cell.webUrl !== undefined)?.webUrl ?? localWebUrl;
}
