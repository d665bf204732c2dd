/** `skylark user role` and `skylark role list`. */
import { isDeploymentRole, type Role, roleNames } from '../../../lib/runtime/rights.ts';
import { roleDeploymentList, roleList, userRole } from '../../router/operations/roles.ts';
import type { Values } from '../core/arguments.ts';
import { say, UsageError } from '../core/report.ts';
import { adminOf, all, atMostOne, withAdmin } from './admin-command.ts';
import type { roleListOptions, userRoleOptions } from './role-options.ts';

export async function changeRole(values: Values<typeof userRoleOptions>, positionals: readonly string[]): Promise<number> {
  const [jid, role] = all('user role', ['JID', 'ROLE'], positionals);
  if (!isRole(role)) throw new UsageError(`'${role}' is not allowed as a role; it takes ${roleNames.join(', ')}`);
  return withAdmin(adminOf(values), async (admin) => {
    const changed = await admin.ask(userRole, { jid, role, content: values.content });
    const where = isDeploymentRole(changed.role) ? 'the deployment' : 'its domain';
    const more = changed.content ? ', and may read reported messages' : '';
    say(changed.role === 'none' ? `${changed.jid} has no role` : `${changed.jid} is ${changed.role} of ${where}${more}`);
  });
}

function isRole(text: string): text is Role {
  return (roleNames as readonly string[]).includes(text);
}

/** `skylark role list [DOMAIN]`: without a domain, those with a role over the deployment. */
export async function listRoles(values: Values<typeof roleListOptions>, positionals: readonly string[]): Promise<number> {
  const domain = atMostOne('role list', positionals);
  return withAdmin(adminOf(values), async (admin) => {
    const { holders } = domain === undefined ? await admin.ask(roleDeploymentList, {}) : await admin.ask(roleList, { domain });
    for (const holder of holders) {
      const { jid, role, content, since } = holder;
      say(values.json ? JSON.stringify(holder) : `${jid}  ${role}${content ? ' content' : ''}  since ${since}`);
    }
  });
}
