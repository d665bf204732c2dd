/** cdk-nag as a validation plugin: every finding has a reason, every reason has a finding, and a planted finding is found. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Validations } from 'aws-cdk-lib';
import { CfnSecurityGroup } from 'aws-cdk-lib/aws-ec2';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { AwsSolutionsChecks } from 'cdk-nag';
import type { IConstruct } from 'constructs';
import { buildCell } from '../lib/cell.ts';
import { newApp, shape, shapes } from './synthesis.ts';

/** Everything that the rules find, acknowledged or not. */
class Unforgiving extends AwsSolutionsChecks {}
Object.defineProperty(Unforgiving.prototype, 'isAcknowledged', { value: () => false });

interface Acknowledged {
  readonly path: string;
  readonly id: string;
  readonly reason: string;
}

function acknowledged(root: IConstruct): Acknowledged[] {
  return root.node.findAll().flatMap(({ node }) =>
    node.metadata
      .filter(({ type }) => type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY)
      .flatMap(({ data }) => Object.entries(data as Record<string, string>))
      .map(([id, reason]) => ({ path: node.path, id: id.replace(/^Annotation::/i, ''), reason }))
      // The CDK itself acknowledges some findings of its own plugin, `CloudFormation-Validate`.
      .filter(({ id }) => id.startsWith('AwsSolutions-')),
  );
}

function findings(root: IConstruct): { readonly path: string; readonly id: string }[] {
  const { violations } = new Unforgiving().validateScope(root);
  return violations.flatMap(({ ruleName, violatingResources }) =>
    violatingResources.map(({ constructPath }) => ({ path: `${constructPath}`, id: ruleName })),
  );
}

const isWithin = (path: string, of: string) => path === of || path.startsWith(`${of}/`);

for (const name of shapes) {
  test(`${name}: every finding has a reason`, () => {
    const { app } = shape(name); // synthesis already throws on such a finding; this checks again
    const reasons = acknowledged(app);
    const all = findings(app);
    assert.ok(all.length > 10, `the rules found only ${all.length}: did they look?`);
    const open = all.filter(({ path, id }) => !reasons.some((one) => one.id === id && isWithin(path, one.path)));
    assert.deepEqual(open, []);
  });

  test(`${name}: every acknowledgement has a finding, and a reason`, () => {
    const { app } = shape(name);
    const all = findings(app);
    const reasons = acknowledged(app);
    assert.ok(reasons.length > 10);
    const idle = reasons.filter(({ path, id }) => !all.some((one) => one.id === id && isWithin(one.path, path)));
    assert.deepEqual(idle, []);
    for (const { id, reason } of reasons) assert.ok(reason.length > 30, `${id}: '${reason}' is not a reason`);
  });

  test(`${name}: no acknowledgement covers a whole stack`, () => {
    for (const { path, id } of acknowledged(shape(name).app)) assert.ok(path.includes('/'), `${id} on ${path}`);
  });
}

test('synthesis fails on a planted finding', () => {
  const app = newApp({ shape: 'small' });
  const { data, net } = buildCell(app);
  new Bucket(data, 'Planted');
  new CfnSecurityGroup(net, 'PlantedGroup', {
    groupDescription: 'open',
    vpcId: net.vpc.vpcId,
    securityGroupIngress: [{ ipProtocol: 'tcp', fromPort: 22, toPort: 22, cidrIp: '0.0.0.0/0' }],
  });
  assert.throws(() => app.synth(), /[Vv]alidation failed/);
  const found = findings(app).filter(({ path }) => path.includes('Planted'));
  assert.deepEqual(new Set(found.map(({ id }) => id)), new Set(['AwsSolutions-S1', 'AwsSolutions-S10', 'AwsSolutions-EC23']));
});
