/** What the accounts of remote servers do, drawn from the seed. */
import type { Random } from '../random.ts';
import type { World } from '../world.ts';
import type { RemoteServer } from './remote-server.ts';

export function scheduleRemoteWorkload(on: {
  readonly world: World;
  readonly random: Random;
  readonly remotes: readonly RemoteServer[];
  readonly untilMs: number;
}): void {
  const { world, random, remotes, untilMs } = on;
  const pauseMs = random.pick([900, 2_500]);
  for (const remote of remotes) {
    for (const account of remote.options.accounts) {
      const act = (): void => {
        if (world.nowMs > untilMs) return;
        if (random.chance(0.2)) remote.changePresence(account);
        else {
          const contact = random.pick(remote.options.contacts);
          for (let count = random.chance(0.3) ? random.below(5) + 1 : 1; count > 0; count--) remote.sendMessage(account, contact);
        }
        world.after(random.between(pauseMs / 5, 2 * pauseMs), act);
      };
      world.after(random.between(1_000, 4_000), act);
    }
  }
}
