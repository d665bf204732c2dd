/**
 * The operations on a tenant as ad-hoc commands of its domain, for those whose role has the right: those of XEP-0133 with its nodes and
 * forms, and all others with a form that follows from the schema of their input.
 */
import { z } from 'zod';
import { choosable, mayGive } from '../../../lib/runtime/field-rights.ts';
import { type Held, isTenantRight, type Right, rightsOf } from '../../../lib/runtime/rights.ts';
import { type Field, renderForm, type Submission } from '../../../lib/xmpp/data-form.ts';
import { StanzaError, type StanzaErrorCondition } from '../../../lib/xmpp/errors.ts';
import type { HostContext } from '../core/host.ts';
import type { HostCommand } from '../core/host-command.ts';
import { heldBy } from '../core/roles.ts';
import { commanderOf } from './asker.ts';
import { secretFields } from './inputs.ts';
import { operationLimits } from './limits.ts';
import type { Operation } from './operation.ts';
import { performAs } from './perform.ts';
import { type AdminCommand, adminCommands, furtherCommands } from './xep0133-forms.ts';
import { type Ask, type PeopleCommand, peopleCommands } from './xep0133-people.ts';

/** Fields that the command's place gives, or that only the command line needs. */
const given: ReadonlySet<string> = new Set(['domain', 'waitMs', 'again']);

const conditions: Readonly<Record<string, StanzaErrorCondition>> = {
  invalid: 'not-acceptable',
  absent: 'item-not-found',
  conflict: 'conflict',
  stale: 'conflict',
  forbidden: 'forbidden',
  unanswered: 'remote-server-timeout',
  busy: 'resource-constraint',
};

export function commandsOf(operations: readonly Operation[]): readonly HostCommand[] {
  return operations
    .filter(({ right, http }) => isTenantRight(right) && !('whyNone' in http))
    .flatMap((operation) => {
      const first = adminCommands.get(operation.name) ?? generic(operation);
      const further = furtherCommands.get(operation.name);
      const own = [first, ...(further ? [further] : [])].map((command) => commandOf(operation, command));
      return [...own, ...peopleCommands.filter(({ of }) => of === operation).map(peopleCommandOf)];
    });
}

function commandOf(operation: Operation, command: AdminCommand): HostCommand {
  const { node, name, fields, inputs, formType, results } = command;
  return {
    ...{ node, name, formType, fields },
    isAllowed: async (host) => (await rightsIn(host)).includes(operation.right),
    shown: async (host) => shownTo(await rightsIn(host), operation, fields),
    async run(host, submission) {
      const found: object[] = [];
      for (const input of inputs(submission, host.tenant.domain)) found.push(await perform(host, operation, input));
      return renderForm({ type: 'result', formType, title: name, fields: resultsOf(found, results) });
    },
  };
}

function peopleCommandOf({ of, node, name, formType, fields, answer }: PeopleCommand): HostCommand {
  return {
    ...{ node, name, formType, fields },
    isAllowed: async (host) => (await rightsIn(host)).includes(of.right),
    async run(host, submission) {
      const ask: Ask = async (operation, input) => (await perform(host, operation, input)) as never;
      const found = await answer(submission, host.tenant.domain, ask);
      if (found.length === 0) return undefined;
      return renderForm({ type: 'result', formType, title: name, fields: found });
    },
  };
}

/** Read once for all commands of a request. */
const held = new WeakMap<HostContext, Promise<Held>>();

async function heldIn(host: HostContext): Promise<Held> {
  const { account, turn, tenant } = host;
  if (!account?.session) return { role: 'none' };
  const found = held.get(host) ?? heldBy(turn.dependencies.store, tenant.domain, account.jid.local);
  held.set(host, found);
  return found;
}

async function rightsIn(host: HostContext): Promise<readonly Right[]> {
  return rightsOf(await heldIn(host)).filter(isTenantRight);
}

/** The fields of a form that somebody with these rights may fill in, with the choices that they have. */
function shownTo(rights: readonly Right[], { input }: Operation, fields: readonly Field[]): readonly Field[] {
  const { shape } = input as z.ZodObject;
  return fields.flatMap((field) => {
    const schema = shape[field.var] as z.ZodType | undefined;
    if (schema === undefined) return [field];
    if (!mayGive(schema, rights)) return [];
    const { options } = field;
    if (options === undefined) return [field];
    const left = choosable(
      schema,
      rights,
      options.map(({ value }) => value),
    );
    return [{ ...field, options: options.filter(({ value }) => left.includes(value)) }];
  });
}

/** @throws {StanzaError} */
async function perform(host: HostContext, { name, input }: Operation, asked: object): Promise<object> {
  const { account, turn } = host;
  const isLong = Object.hasOwn((input as z.ZodObject).shape, 'waitMs');
  const reply = await performAs(turn.dependencies, commanderOf(account!.jid, await heldIn(host)), {
    operation: name,
    arguments: { ...asked, ...(isLong && { waitMs: operationLimits.commandWaitMs }) },
  });
  if (reply.ok) return reply.result as object;
  throw new StanzaError(conditions[reply.refusal ?? ''] ?? 'internal-server-error', reply.error);
}

function generic(operation: Operation): AdminCommand {
  const { shape } = operation.input as z.ZodObject;
  const secrets = secretFields(operation.input);
  const names = Object.keys(shape).filter((name) => !given.has(name) && name !== versionOf(operation));
  const documents = new Set(names.filter((name) => (shape[name] as z.ZodType).meta()?.isDocument === true));
  const fields = names.map((name) => fieldOf(name, shape[name] as z.ZodType, secrets.has(name), documents.has(name)));
  return {
    node: `urn:skylark:operation:${operation.name}`,
    formType: `urn:skylark:operation:${operation.name}`,
    name: operation.help.replace(/\.$/, ''),
    fields,
    inputs: (submission, domain) => [
      {
        ...Object.fromEntries(fields.flatMap((field) => readField(field, submission, documents.has(field.var)))),
        ...(Object.hasOwn(shape, 'domain') && { domain }),
      },
    ],
  };
}

/** The field for whoever looked before, which programs give. */
function versionOf({ http }: Operation): string | undefined {
  return 'version' in http ? http.version : undefined;
}

function schemaOf(schema: z.ZodType) {
  return z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
}

/** @param isDocument it has several lines, such as a certificate */
function fieldOf(name: string, schema: z.ZodType, isSecret: boolean, isDocument: boolean): Field {
  const { type, enum: choices, default: preset } = schemaOf(schema);
  const common = {
    ...{ var: name, label: name, isRequired: !schema.safeParse(undefined).success },
    ...(preset !== undefined && { values: [`${preset as string}`] }),
  };
  if (choices) return { ...common, type: 'list-single', options: choices.map((value) => ({ value: `${value as string}` })) };
  if (type === 'boolean') return { ...common, type: 'boolean' };
  if (type === 'array' || isDocument) return { ...common, type: 'text-multi' };
  if (type === 'number' || type === 'integer') {
    return { ...common, type: 'text-single', range: { min: 0, max: operationLimits.commandNumberMax } };
  }
  return { ...common, type: name === 'jid' ? 'jid-single' : isSecret ? 'text-private' : 'text-single' };
}

/** What is empty, or left out, is not given to the operation. */
function readField({ var: name, type, range }: Field, submission: Submission, isDocument: boolean): [string, unknown][] {
  const field = submission.get(name);
  if (isDocument) return field === undefined || field.isEmpty ? [] : [[name, field.values.join('\n')]];
  if (field === undefined || (field.isEmpty && type !== 'text-multi')) return [];
  if (type === 'boolean') return [[name, field.flag()]];
  if (type === 'text-multi') return [[name, field.lines()]];
  if (range) return [[name, field.whole(range)]];
  return [[name, field.text()]];
}

/** §3.4 of XEP-0004: every field of the results; what is not text is shown as JSON. */
function resultsOf(results: readonly object[], names: Readonly<Record<string, string>> = {}): Field[] {
  const values = new Map<string, string[]>();
  for (const result of results) {
    for (const [name, value] of Object.entries(result)) {
      if (value === undefined) continue;
      values.set(name, [...(values.get(name) ?? []), ...[value].flat().map(textOf)]);
    }
  }
  return [...values].map(([name, texts]) => {
    const type = texts.length > 1 ? 'text-multi' : 'text-single';
    return { var: names[name] ?? name, label: name, type, values: texts };
  });
}

function textOf(value: unknown): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
