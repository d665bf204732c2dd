#!/usr/bin/env node
/** The `skylark` command: runs `services/main.ts` with these arguments, under a sufficiently new Node. */
import { fileURLToPath } from 'node:url';

process.argv.splice(2, 0, fileURLToPath(new URL('../services/main.ts', import.meta.url)));
await import('./with-node.mjs');
