/** A connection node as the stage plays it: it gives each stanza to each of its sessions once. */
import assert from 'node:assert/strict';
import { decodeFrame, encodeFrame } from '../../../lib/runtime/frame.ts';
import type { DeliverReply, DoneReply, NodeRequest } from '../../../lib/runtime/wire.ts';
import { spliceTo } from '../../../lib/xmpp/stanza.ts';
import type { Actor } from './actor.ts';

export class PlayedNode {
  readonly subject = 'n.stage.1';
  /** Sessions that it says it does not hold. */
  readonly missing = new Set<string>();
  /** Sessions whose client does not hear, as it says. */
  readonly away = new Set<string>();
  readonly #actors: Map<string, Actor>;
  #given = new WeakMap<Actor, Set<string>>();

  /** @param actors by the session's name; who is told to close is taken out */
  constructor(actors: Map<string, Actor>) {
    this.#actors = actors;
  }

  /** What it was asked to deliver so far got lost on the way. */
  forget(): void {
    this.#given = new WeakMap();
  }

  /** Whether the session was given it before, as the key says. */
  isAgain(actor: Actor, dedupeKey: string | undefined): boolean {
    if (dedupeKey === undefined) return false;
    const given = this.#given.get(actor) ?? new Set();
    this.#given.set(actor, given);
    const { size } = given;
    return given.add(dedupeKey).size === size;
  }

  readonly handle = (payload: Uint8Array): Uint8Array => {
    const { header, bodies } = decodeFrame<NodeRequest>(payload);
    if (header.kind === 'close') {
      const actor = this.#actors.get(header.sid);
      if (actor) actor.closed = header.condition;
      this.#actors.delete(header.sid);
      return encodeFrame({ ok: true } satisfies DoneReply);
    }
    assert.ok(header.kind === 'deliver');
    const missing: string[] = [];
    header.items.forEach(({ sids, tos, dedupeKey }, index) => {
      const bytes = bodies[index]!;
      for (const [at, sid] of sids.entries()) {
        const actor = this.missing.has(sid) ? undefined : this.#actors.get(sid);
        const to = tos?.[at];
        if (actor === undefined) missing.push(sid);
        else if (!this.isAgain(actor, dedupeKey)) actor.hear((to ? spliceTo(bytes, to) : bytes).toString());
      }
    });
    const away = header.items.flatMap(({ sids }) => sids.filter((sid) => this.away.has(sid)));
    return encodeFrame({ missing, away } satisfies DeliverReply);
  };
}
