/** XEP-0198 sessions for tests: made, lost, and seen from the routers' side. */
import { connected, enable, type Fixture, NS_SM, until } from './fixture.ts';
import type { RawClient } from './raw-client.ts';

export const ping = (id: string): string => `<iq type='get' id='${id}'><x xmlns='y'/></iq>`;
export const r = `<r xmlns='${NS_SM}'/>`;
export const a = (h: number): string => `<a xmlns='${NS_SM}' h='${h}'/>`;
export const resume = (previd: string, h: number): string => `<resume xmlns='${NS_SM}' previd='${previd}' h='${h}'/>`;
export const unexpected =
  /<failed xmlns='urn:xmpp:sm:3'><unexpected-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'\/><\/failed>/;
export const notFound = /<failed xmlns='urn:xmpp:sm:3'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'\/><\/failed>/;

export interface Managed {
  readonly client: RawClient;
  readonly previd: string;
  /** As routers know the session. */
  readonly sid: string;
}

/** On the fixture's first node. */
export class ManagedSessions {
  readonly #fixture: Fixture;

  constructor(fixture: Fixture) {
    this.#fixture = fixture;
  }

  async start(user: string): Promise<Managed> {
    const client = await connected(this.#fixture.node, user);
    const previd = await enable(client);
    const { sid } = this.#fixture.router.steps.findLast(({ request }) => request.session.startsWith(`${user}@`))!.request;
    return { client, previd, sid };
  }

  /** The socket breaks. No other session may be parked in the same moment. */
  async lose(client: RawClient): Promise<void> {
    const { parked } = this.#fixture.node.stats;
    client.destroy();
    await until(() => this.#fixture.node.stats.parked === parked + 1, 'a parked session');
  }

  /** @returns the sids that the node does not hold */
  deliver(sid: string, id: string, archiveId?: string): Promise<readonly string[]> {
    return this.#fixture.router.deliver(this.#fixture.node.subject, sid, `<message from='x@y' id='${id}'/>`, archiveId);
  }

  hasEnded(sid: string): boolean {
    return this.#fixture.router.steps.some(
      ({ request, items }) => request.sid === sid && items.some(({ item }) => item.kind === 'end'),
    );
  }
}
