/** A node of a pubsub service that all accounts of a run are subscribed to, as others have made it before. */
import type { Store } from '../../lib/ports/store.ts';
import { directoryOf, nodeNames } from '../../lib/runtime/directory.ts';
import { Rows } from '../../lib/runtime/rows.ts';
import { defaultsOf } from '../../services/router/pep/node-config.ts';
import { nodeRows } from '../../services/router/pep/nodes.ts';
import { subscriberRows } from '../../services/router/pep/subscriptions.ts';
import type { NewsHistory } from './news-history.ts';
import type { World } from './world.ts';

const [domain, name, key] = ['a.example', 'news', 'key-of-news'];

/** Notifications are of type `normal`, so they are in the archive of whoever is away. */
export async function prepareNews(
  store: Store,
  world: World,
  history: NewsHistory,
  accounts: readonly string[],
  strangers: readonly string[],
): Promise<void> {
  const config = { ...defaultsOf.service, publishModel: 'open', notificationType: 'normal', sendLast: 'never' } as const;
  const rows = Rows.ofPubsub(store, domain, name);
  await rows.put(nodeRows, '', { nodes: [{ name, key, config, affiliations: { [accounts[0]!]: 'owner' } }] });
  const createdAt = new Date(world.epochMs).toISOString();
  await directoryOf(store, domain, name).put(nodeNames, name, { createdAt, key, title: '', type: '', isPrivate: false });
  for (const [index, jid] of [...accounts, ...strangers].entries()) {
    const row = `${key}/${String(index * 7).padStart(2, '0')}`;
    await rows.put(subscriberRows, row, { subscribers: [{ jid, subid: `${index}` }] });
  }
  history.subscribers.push(...accounts);
  history.strangers.push(...strangers);
}
