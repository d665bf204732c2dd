/** The `skylark` command. It first replaces its process if another memory setup suits the command better. */
import { fileURLToPath } from 'node:url';
import { replacementOf } from './cli/compose/memory-settings.ts';

const { platform, argv, execArgv, env: environment, execve } = process;
const wrapper = fileURLToPath(new URL('../bin/with-node.mjs', import.meta.url));
const replacement =
  execve && replacementOf({ platform, argv, execArgv, environment, isForked: process.channel !== undefined, wrapper });
if (replacement !== undefined) execve!(process.execPath, replacement.args, replacement.environment);

const { runCommand } = await import('./cli/run-command.ts');
await runCommand(process.argv.slice(2), process.env);
