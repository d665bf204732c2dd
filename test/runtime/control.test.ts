/** Requests of operators to a process: what goes wrong is logged and answered, so that nobody waits for the timeout. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import { memoryBus } from '../../lib/adapters/memory-bus.ts';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import { askControl, serveControl } from '../../lib/runtime/control.ts';

test('a process that fails to tell its figures answers with the fault, and logs it', async () => {
  const bus = memoryBus({ clock: systemClock });
  const lines: string[] = [];
  const log = pino({ level: 'info' }, { write: (line) => void lines.push(line) });
  const figures = () => {
    throw new TypeError('no figures');
  };
  const serving = await serveControl(bus, 'n.one.abc', { log, figures });
  await assert.rejects(askControl(bus, 'n.one.abc', 'status'), { name: 'RemoteFault' });
  assert.match(lines.join(''), /no figures/);
  await serving.stop();
  await bus.close();
});
