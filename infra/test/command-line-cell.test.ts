/** `cdk synth` for the shape `cell`, in a file of its own because it takes seconds. */
import { test } from 'node:test';
import { expectCell, synth } from './cdk-command.ts';

test('cell: four stacks, offline, with no docker, no credentials and an empty home', async () => {
  expectCell(await synth({ shape: 'cell' }));
});
