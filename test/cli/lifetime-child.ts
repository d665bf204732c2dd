/** A process under `beginLifetime` that does what its argument says. */
import { beginLifetime, openLog, stopWithin, Undoing } from '../../services/cli/compose/lifetime.ts';

const log = openLog();
const lifetime = beginLifetime(log);
const undoing = new Undoing(log);
const keepAlive = setInterval(() => {}, 60_000);
const never = new Promise<void>(() => {});

const acts: Readonly<Record<string, () => void>> = {
  throw: () => setImmediate(() => JSON.parse('{')),
  reject: () => void Promise.reject(new Error('nobody listens')),
  hang: () => undoing.add('a part that hangs', () => never),
  fail: () => {
    undoing.add('the inner part', () => console.log('inner'));
    undoing.add('a part that fails', () => {
      throw new Error('broken');
    });
    undoing.add('the outer part', () => console.log('outer'));
  },
};

acts[process.argv[2] ?? '']?.();
console.log('ready');
console.log(await lifetime.over);
process.exitCode = await stopWithin(log, () => undoing.run(), Number(process.argv[3]));
clearInterval(keepAlive);
