/** A process under `beginLifetime` that does what its argument says. */
import { beginLifetime, Cleanup, openLog, stopWithin } from '../../services/cli/compose/lifetime.ts';

const log = openLog();
const lifetime = beginLifetime(log);
const cleanup = new Cleanup(log);
const keepAlive = setInterval(() => {}, 60_000);
const never = new Promise<void>(() => {});

const acts: Readonly<Record<string, () => void>> = {
  throw: () => setImmediate(() => JSON.parse('{')),
  reject: () => void Promise.reject(new Error('nobody listens')),
  hang: () => cleanup.add('a part that hangs', () => never),
  fail: () => {
    cleanup.add('the inner part', () => console.log('inner'));
    cleanup.add('a part that fails', () => {
      throw new Error('broken');
    });
    cleanup.add('the outer part', () => console.log('outer'));
  },
};

acts[process.argv[2] ?? '']?.();
console.log('ready');
console.log(await lifetime.over);
process.exitCode = await stopWithin(log, () => cleanup.run(), Number(process.argv[3]));
clearInterval(keepAlive);
