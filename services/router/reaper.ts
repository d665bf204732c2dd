/**
 * Cleans up after connection nodes that died (DESIGN §2): their sessions end, so that nobody sees them online, and rooms are
 * left. Every router watches; paced, and it does no harm when two do it at once.
 */
import { limits } from '../../lib/limits.ts';
import { sleep } from '../../lib/ports/clock.ts';
import { forgetNode, type LiveNode } from '../../lib/runtime/nodes.ts';
import { listHeld, unmarkHeld } from '../../lib/runtime/sessions.ts';
import { endSession } from './bind.ts';
import type { Parts } from './parts.ts';

const pageMax = 100;
const pauseMs = 50;

/**
 * Ends all sessions that the node's rows name. Two reapers at once do no harm: a session ends once. The node's own row goes last,
 * so that a reaper that dies half-way is followed by another.
 */
export async function reapNode(parts: Parts, node: string): Promise<number> {
  let count = 0;
  for (
    let page = await listHeld(parts.store, node, pageMax);
    page.length > 0;
    page = await listHeld(parts.store, node, pageMax)
  ) {
    for (const { sid, owner } of page) {
      const tenant = await parts.tenants.find(owner.domain);
      if (tenant) await endSession(parts, tenant, owner.local, { node, sid });
      else await unmarkHeld(parts.store, { node, sid });
      count++;
    }
    await sleep(parts.clock, pauseMs);
  }
  return count;
}

/** For `NodeWatch`. */
export async function reapDead(parts: Parts, dead: readonly LiveNode[]): Promise<void> {
  for (const { subject, kind, name } of dead) {
    if (kind === 'connection') {
      const count = await reapNode(parts, subject);
      parts.log.warn({ node: name, sessions: count }, `node silent for ${limits.heartbeatDeadMs} ms: its sessions were ended`);
    }
    await forgetNode(parts.store, subject);
  }
}
