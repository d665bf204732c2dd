/** Operations on cells: where tenants are reached (docs/decisions/0019-a-tenant-lives-in-one-cell.md). */
import { z } from 'zod';
import { listCells } from '../../../lib/runtime/cells.ts';
import { domainInput, findTenant } from './inputs.ts';
import { operation } from './operation.ts';

export const cellList = operation({
  name: 'cell-list',
  input: z.strictObject({ domain: domainInput.optional().describe('only the cell of this tenant') }),
  /** Where clients and other servers connect. */
  output: z.object({
    cells: z.array(
      z.object({
        ...{ name: z.string(), host: z.string(), serversHost: z.string() },
        webUrl: z.string().optional().describe('where the console and the pages are'),
      }),
    ),
  }),
  right: 'deployment.see',
  isRepeatable: true,
  help: 'Tells where the tenants of each cell are reached.',
  commands: ['cell list', 'dns'],
  http: { method: 'get', path: '/cells' },
  async run(dependencies, { domain }) {
    const cells = await listCells(dependencies.store);
    if (domain === undefined) return { cells: [...cells] };
    const { cell } = await findTenant(dependencies, domain);
    // A tenant from before cells told their names is in the only one that there is.
    const isIts = ({ name }: (typeof cells)[number]) => (cell === undefined ? cells.length === 1 : name === cell);
    return { cells: cells.filter(isIts) };
  },
});
