/** The variables in the templates are those that the processes accept, names and values, as read by their own code. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { serveOptions } from '../../services/cli/compose/serve-options.ts';
import { readArguments, variableOf } from '../../services/cli/core/arguments.ts';
import type { Context, Json } from './context.ts';
import { shape, shapes, synthesize } from './synthesis.ts';

const root = join(import.meta.dirname, '..', '..');
/** Read before there are options. */
const others = ['NODE_OPTIONS', 'SKYLARK_LOG_LEVEL'];

/** Example values for what CloudFormation fills in. */
function filled(value: Json): string {
  if (typeof value === 'string') return value;
  const text = JSON.stringify(value);
  if (text.includes('https://')) return 'https://files.example.org/';
  return text.includes('AWS::Region') && value.Ref !== undefined ? 'eu-central-1' : 'filled-in';
}

for (const name of shapes) {
  test(`${name}: every variable of a task is an option of its program, with an accepted value`, () => {
    const known = new Set([...Object.keys(serveOptions).map(variableOf), ...others]);
    const tasks = shape(name).resources('app', 'AWS::ECS::TaskDefinition');
    for (const [id, { Properties }] of tasks) {
      const [container] = Properties.ContainerDefinitions;
      const variables: Record<string, string> = Object.fromEntries(
        container.Environment.map((one: Json) => [one.Name, filled(one.Value)]),
      );
      assert.deepEqual(
        Object.keys(variables).filter((variable) => !known.has(variable)),
        [],
        id,
      );
      const { values } = readArguments('serve', serveOptions, [], variables);
      assert.equal(values.tablePrefix, 'skylark-');
    }
  });
}

for (const [bundle, source] of [
  ['Renewal', 'services/certificates/settings.ts'],
  ['Pages', 'services/web/lambda.ts'],
] as const) {
  test(`every variable of the function ${bundle} is read by it`, () => {
    const text = readFileSync(join(root, source), 'utf8');
    const [, { Properties }] = shape('cell')
      .resources('web', 'AWS::Lambda::Function')
      .find(([id]) => id.includes(bundle))!;
    const variables = Object.keys(Properties.Environment.Variables);
    assert.ok(variables.length >= 5);
    for (const variable of variables) assert.ok(text.includes(variable), variable);
  });
}

for (const name of shapes) {
  test(`${name}: who adds tenants hears whether domains have to be proven, and how long the audit log is kept, and nobody else does`, () => {
    const hears = (given: Context) => {
      const tasks = synthesize({ shape: name, ...given }).resources('app', 'AWS::ECS::TaskDefinition');
      return tasks.flatMap(([, { Properties }]) => {
        const [{ Command, Environment }] = Properties.ContainerDefinitions;
        const own = Environment.filter(({ Name }: Json) => /AUDIT_DAYS|PROVE_DOMAINS/.test(Name));
        const { values } = readArguments(
          'serve',
          serveOptions,
          [],
          Object.fromEntries(own.map((one: Json) => [one.Name, one.Value])),
        );
        return own.length > 0 ? [[Command.join(' '), values.proveDomains, values.auditDays]] : [];
      });
    };
    const router = name === 'small' ? 'serve all' : 'serve router';
    assert.deepEqual(hears({}), [[router, false, 0]]);
    assert.deepEqual(hears({ proveDomains: 'true', auditDays: 400 }), [[router, true, 400]]);
  });
}
