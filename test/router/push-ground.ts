/** A phone of one tenant, and somebody who writes to it and an app server of the other one (XEP-0357). */
import assert from 'node:assert/strict';
import { DeploymentClock } from '../../lib/runtime/deployment-clock.ts';
import { IdMint } from '../../lib/runtime/ids.ts';
import { serviceLimits } from '../../lib/runtime/service-limits.ts';
import { markHeld, updateSessions } from '../../lib/runtime/sessions.ts';
import { routerLimits } from '../../services/router/limits.ts';
import { reapNode } from '../../services/router/sessions/reaper.ts';
import { ManualClock } from '../connection/manual-clock.ts';
import type { Actor } from '../support/stage/actor.ts';
import { type BatchActor, openRouter, type RouterStage } from '../support/stage/router-stage.ts';

export const NS = 'urn:xmpp:push:0';
export const server = 'push@b.example/app';
export const optionsForm = `<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/pubsub#publish-options</value></field><field var='secret'><value>a&lt;b</value></field></x>`;
export const body = '<body>Art thou not Romeo?</body>';

/** What an app server is sent. @param parts.more in the summary. @param parts.options after the item */
export function notification(count: number, { node = 'n1', more = '', options = '' } = {}): string {
  return `<iq type='set' from='juliet@a.example' to='${server}' id='{any}'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='${node}'><item><notification xmlns='${NS}'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>urn:xmpp:push:summary</value></field><field var='message-count'><value>${count}</value></field>${more}</x></notification></item></publish>${options}</pubsub></iq>`;
}

export class PushGround {
  readonly clock: ManualClock;
  readonly stage: RouterStage;
  readonly phone: BatchActor;
  readonly romeo: BatchActor;
  readonly app: BatchActor;

  private constructor(clock: ManualClock, stage: RouterStage, people: readonly [BatchActor, BatchActor, BatchActor]) {
    this.clock = clock;
    this.stage = stage;
    [this.phone, this.romeo, this.app] = people;
  }

  static async open(options: { readonly hasRooms?: boolean } = {}): Promise<PushGround> {
    const clock = new ManualClock();
    const own = DeploymentClock.of(clock);
    const wrap = <Of extends object>(dependencies: Of) => ({ ...dependencies, clock: own, ids: new IdMint(own) });
    const stage = await openRouter({ ...options, wrap });
    const phone = await stage.appear('juliet@a.example/phone');
    const romeo = await stage.appear('romeo@b.example/orchard');
    const app = await stage.appear(server);
    return new PushGround(clock, stage, [phone, romeo, app]);
  }

  enable(who: Actor, { node = 'n1', jid = server, inside = '' } = {}): Promise<string> {
    return who.ask('set', `<enable xmlns='${NS}' jid='${jid}' node='${node}'>${inside}</enable>`, `${who.jid.bare}`);
  }

  disable(who: Actor, attributes: string): Promise<string> {
    return who.ask('set', `<disable xmlns='${NS}' ${attributes}/>`, `${who.jid.bare}`);
  }

  say(what: string, to = 'juliet@a.example', type = 'chat'): Promise<unknown> {
    return this.romeo.send(`<message to='${to}' type='${type}' id='m'>${what}</message>`);
  }

  /** The next push may go. */
  pause(): Promise<void> {
    return this.clock.advance(routerLimits.pushPauseMs);
  }

  /** The node of the phone has died, and a router cleans up after it. */
  async nodeDies(): Promise<void> {
    const { stage, phone, clock } = this;
    const node = 'n.dead.1';
    await updateSessions(stage.store, phone.jid, (all) =>
      all.map((one) => (one.sid === phone.sid ? { ...one, node, resumeMs: serviceLimits.resumeTimeoutMs } : one)),
    );
    await markHeld(stage.store, { node, sid: phone.sid }, phone.jid);
    const reaped = reapNode(stage.dependencies, node);
    await stage.settle();
    await clock.advance(routerLimits.reaperPauseMs);
    assert.equal(await reaped, 1);
  }

  /** The nodes of the pushes that came since the last look. */
  pushed(): string[] {
    return this.app.take().map((xml) => /<publish node='([^']*)'/.exec(xml)?.[1] ?? xml);
  }

  /** @param error the condition; undefined: a result */
  answer(id: string, error?: string, from: BatchActor = this.app): Promise<unknown> {
    const type = error === undefined ? 'result' : 'error';
    const child = `<error type='cancel'><${error} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`;
    return from.send(`<iq type='${type}' to='juliet@a.example' id='${id}'>${error === undefined ? '' : child}</iq>`);
  }
}
