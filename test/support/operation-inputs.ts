/** An input that an operation takes, made of its schema: for tests that go through the list of operations. */
import { z } from 'zod';
import type { OperationDescription } from '../../lib/runtime/operation.ts';

type Given = Readonly<Record<string, unknown>>;

/** What a schema does not say of the text that it takes. */
function named(domain: string): Given {
  return {
    ...{
      domain,
      jid: `romeo@${domain}`,
      to: `romeo@${domain}`,
      member: `romeo@${domain}`,
      component: `irc.${domain}`,
      peer: 'elsewhere.example',
      role: 'none',
    },
    ...{ url: 'https://app.example/', events: ['room.made'], person: 'eve@elsewhere.example' },
    ...{ id: '0123456789abcdef', room: 'hall', name: 'something', password: 'a new secret', node: 'nowhere' },
  };
}

/** Required fields only. @param domain the tenant that it names */
export function blankInput({ name, input }: OperationDescription, domain: string): Given {
  const { shape } = input as z.ZodObject;
  const values = named(name === 'tenant-add' ? `new.${domain}` : domain);
  const required = Object.entries(shape).filter(([, schema]) => !(schema as z.ZodType).safeParse(undefined).success);
  const given = Object.fromEntries(required.map(([field, schema]) => [field, values[field] ?? anyOf(schema as z.ZodType)]));
  const made = name === 'tenant-set' ? { ...given, inviteDays: 5 } : given;
  const { success, error } = (input as z.ZodType).safeParse(made);
  if (!success) throw new Error(`'${name}' does not take ${JSON.stringify(made)}: ${error.message}`);
  return made;
}

function anyOf(schema: z.ZodType): unknown {
  const { type, enum: choices, minimum } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  if (choices !== undefined) return choices[0];
  if (type === 'number' || type === 'integer') return minimum ?? 1;
  if (type === 'array') return [];
  if (type === 'boolean') return false;
  return type === 'object' ? {} : 'something';
}
