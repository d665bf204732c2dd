/** What a client of stanza says of itself, waited for. */
import type { Agent } from 'stanza';

/** The next event of a name; rejects when the sign-in fails or nothing comes. @param matches of the first event that does */
export function event(
  agent: Agent,
  name: string,
  // biome-ignore lint/suspicious/noExplicitAny: events of stanza have as many shapes as names
  matches: (data: any) => boolean = () => true,
  waitMs = 10_000,
  // biome-ignore lint/suspicious/noExplicitAny: see above
): Promise<any> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no '${name}' of ${matches} within ${waitMs} ms`)), waitMs);
    // biome-ignore lint/suspicious/noExplicitAny: see above
    const listen = (data: any) => {
      if (!matches(data)) return;
      clearTimeout(timer);
      agent.off(name as 'chat', listen);
      resolve(data);
    };
    agent.on(name as 'chat', listen);
    agent.once('auth:failed', () => reject(new Error('sign-in failed')));
  });
}
