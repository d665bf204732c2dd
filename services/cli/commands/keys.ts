/** `skylark key …`: the keys of the REST API. */
import { keyAdd, keyList, keyRemove, keyRotate } from '../../router/operations/keys.ts';
import type { Values } from '../core/arguments.ts';
import { say } from '../core/report.ts';
import { adminOf, none, one, withAdmin } from './admin-command.ts';
import type { keyAddOptions, keyListOptions, keyRemoveOptions, keyRotateOptions } from './key-options.ts';

export async function addKey(values: Values<typeof keyAddOptions>, positionals: readonly string[]): Promise<number> {
  const name = one('key add', 'NAME', positionals);
  const { tenant, access, days, role, content } = values;
  return withAdmin(adminOf(values), async (admin) => {
    const { token } = await admin.ask(keyAdd, {
      name,
      ...(tenant !== undefined && { domain: tenant }),
      ...(access !== undefined && { access }),
      ...(role !== undefined && { role }),
      ...(content && { content }),
      ...(days !== undefined && { days }),
    });
    say(token);
  });
}

export async function rotateKey(values: Values<typeof keyRotateOptions>, positionals: readonly string[]): Promise<number> {
  const id = one('key rotate', 'ID', positionals);
  return withAdmin(adminOf(values), async (admin) => {
    const { token } = await admin.ask(keyRotate, { id, overlapHours: values.overlapHours });
    say(token);
  });
}

export async function listKeys(values: Values<typeof keyListOptions>, positionals: readonly string[]): Promise<number> {
  none('key list', positionals);
  return withAdmin(adminOf(values), async (admin) => {
    for (let after: string | undefined; ; ) {
      const page = await admin.ask(keyList, after === undefined ? {} : { after });
      for (const key of page.keys) {
        const { id, name, domain = 'the whole deployment', access, role, content, expiresAt = 'never', usedOn = 'never' } = key;
        say(
          values.json
            ? JSON.stringify(key)
            : `${id}  ${access.padEnd(5)}  ${role}${content ? ' content' : ''}  ${domain}  expires ${expiresAt}  used ${usedOn}  ${name}`,
        );
      }
      after = page.next;
      if (after === undefined) return;
    }
  });
}

export async function removeKey(values: Values<typeof keyRemoveOptions>, positionals: readonly string[]): Promise<number> {
  const id = one('key remove', 'ID', positionals);
  return withAdmin(adminOf(values), async (admin) => {
    await admin.ask(keyRemove, { id });
    say(`removed ${id}`);
  });
}
