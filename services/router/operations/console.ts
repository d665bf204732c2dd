/** The operation that lets an operator on the machine of the service into the console. */
import { z } from 'zod';
import { makeLink } from '../../../lib/runtime/console-sessions.ts';
import { operation } from './operation.ts';

export const consoleLink = operation({
  name: 'console-link',
  input: z.strictObject({}),
  /** `path` is below the origin of the web service. It is shown once. */
  output: z.object({ path: z.string(), expiresAt: z.string() }),
  right: 'deployment.own',
  isRepeatable: false,
  help: 'Makes a link that opens the console once, for the whole deployment.',
  commands: ['console'],
  http: { whyNone: 'only somebody on the machine of the service may open the console for the whole deployment' },
  async run(dependencies) {
    const { token, expiresMs } = await makeLink(dependencies);
    return { path: `/console/enter/${token}`, expiresAt: new Date(expiresMs).toISOString() };
  },
});
