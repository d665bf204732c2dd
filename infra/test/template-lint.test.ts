/**
 * cfn-lint and checkov look at the templates of both shapes. Each finding has a reason here, each reason has a finding, and what is planted is
 * found. They are in a folder that `.ci/template-lint FOLDER` has filled, and SKYLARK_TEMPLATE_LINT names it.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { before, describe, test } from 'node:test';
import { type Json, scratch } from './context.ts';
import { type StackName, shape, shapes } from './synthesis.ts';

const tools = process.env.SKYLARK_TEMPLATE_LINT;
const skip = tools === undefined && 'SKYLARK_TEMPLATE_LINT does not name a folder that .ci/template-lint has filled';
const planted = 'planted.json';

interface Finding {
  readonly file: string;
  readonly rule: string;
  readonly resource: string;
}

interface Exception {
  readonly rule: string;
  /** The ids of resources. */
  readonly where: RegExp;
  readonly why: string;
}

const functions = /Function[0-9A-F]{8}$|ProviderHandler/;
const doubled = /Function[0-9A-F]{8}$|ProviderHandler|^BusKeysMade/;
const exceptions: readonly Exception[] = [
  {
    rule: 'CKV_AWS_149',
    where: /^BusKeys|^FrontKey/,
    why: 'AWS encrypts them with a key of its own, of which nobody outside of the account has the use',
  },
  {
    rule: 'W3005',
    where: doubled,
    why: 'a dependency that a reference makes already is written once more, which changes nothing',
  },
  {
    rule: 'CKV_AWS_158',
    where: /Log[0-9A-F]{8}$/,
    why: 'CloudWatch encrypts logs with a key of its own; they hold no stanzas and no secrets',
  },
  {
    rule: 'CKV_AWS_116',
    where: functions,
    why: 'the pages answer requests, and what runs by schedule runs again: nobody would read a queue',
  },
  {
    rule: 'CKV_AWS_117',
    where: functions,
    why: 'functions reach the store with their role alone; in the network they would need NAT gateways',
  },
  {
    rule: 'CKV_AWS_115',
    where: functions,
    why: 'a reserve takes from the account, of which new ones have ten; the HTTP API bounds the rate of the pages',
  },
  { rule: 'CKV_AWS_173', where: functions, why: 'the variables hold no secret, and AWS encrypts them with a key of its own' },
  {
    rule: 'CKV_AWS_91',
    where: /Streams(Servers)?Balancer|StreamsBalancer/,
    why: 'a network load balancer logs only the requests of TLS listeners, which it does not have',
  },
  { rule: 'CKV_AWS_26', where: /^AlertsTopic/, why: 'alarms name metrics, and go out by mail in the clear' },
  { rule: 'CKV_AWS_165', where: /^Live/, why: 'sessions and heartbeats mean nothing after a restore' },
  {
    rule: 'CKV_AWS_18',
    where: /^Files/,
    why: 'the link is the only secret of a file (XEP-0363), so a log of links would open every file',
  },
  {
    rule: 'CKV_AWS_86',
    where: /Distribution/,
    why: 'the link is the only secret of a file (XEP-0363), so a log of links would open every file',
  },
  {
    rule: 'CKV_AWS_68',
    where: /Distribution/,
    why: 'files cannot be changed there, and pages take no input: a firewall would have nothing to filter',
  },
  {
    rule: 'CKV_AWS_174',
    where: /Distribution/,
    why: 'without a domain of its own the CDN sets the version; with one it is TLS 1.2 at least',
  },
  { rule: 'CKV_AWS_65', where: /^Cluster/, why: 'the shape small has one task, and Container Insights would cost as much as it' },
];

function run(program: string, args: readonly string[], cwd: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { cwd, maxBuffer: 64 * 1024 * 1024, timeout: 110_000 };
    execFile(join(tools!, program, 'bin', program), args, options, (error, stdout, stderr) => {
      // Both end with another code when they have found something.
      if (stdout.trim() === '') reject(new Error(`${program} says nothing: ${error?.message} ${stderr}`));
      else resolve(stdout);
    });
  });
}

describe('what others say of the templates', { skip }, () => {
  const folder = join(scratch, 'lint');
  const found: Finding[] = [];
  let looked = 0;

  before(async () => {
    mkdirSync(folder);
    for (const name of shapes)
      for (const stack of Object.keys(shape(name).templates) as StackName[])
        writeFileSync(join(folder, `${name}-${stack}.json`), JSON.stringify(shape(name).templates[stack].toJSON(), null, 1));
    const Bucket = { Type: 'AWS::S3::Bucket', Properties: { AccessControl: 'PublicRead' } };
    const output = { 'Fn::GetStackOutput': { StackName: 'x', OutputName: 'y' } };
    const Topic = { Type: 'AWS::SNS::Topic', Properties: { TopicName: { 'Fn::Select': [0, { 'Fn::Split': [':', output] }] } } };
    writeFileSync(join(folder, planted), JSON.stringify({ Resources: { Bucket, Topic } }));
    const files = [
      ...shapes.flatMap((name) => Object.keys(shape(name).templates).map((stack) => `${name}-${stack}.json`)),
      planted,
    ];
    const [lint, check] = await Promise.all([
      run('cfn-lint', ['--format', 'json', '--regions', 'eu-central-1', '--template', ...files], folder),
      run(
        'checkov',
        ['-d', '.', '--framework', 'cloudformation', '-o', 'json', '--quiet', '--compact', '--skip-download'],
        folder,
      ),
    ]);
    for (const { Filename, Rule, Location } of JSON.parse(lint) as Json[])
      found.push({ file: basename(Filename), rule: Rule.Id, resource: `${Location.Path?.[1]}` });
    const { results, summary } = JSON.parse(check) as Json;
    for (const { file_path, check_id, resource } of results.failed_checks)
      found.push({ file: basename(file_path), rule: check_id, resource: resource.replace(/^.*\./, '') });
    looked = summary.resource_count;
    assert.equal(summary.parsing_errors, 0);
  });

  const explains =
    ({ rule, resource }: Finding) =>
    (one: Exception) =>
      one.rule === rule && one.where.test(resource);

  test('every finding has a reason', () => {
    assert.ok(looked > 200, `checkov has seen only ${looked} resources`);
    const own = found.filter(({ file }) => file !== planted);
    assert.deepEqual(
      own.filter((finding) => !exceptions.some(explains(finding))),
      [],
    );
  });

  test('every reason has a finding', () => {
    const idle = exceptions.filter((one) => !found.some((finding) => finding.file !== planted && explains(finding)(one)));
    assert.deepEqual(idle, []);
    for (const { rule, why } of exceptions) assert.ok(why.length > 30, rule);
  });

  test('a bucket that everybody reads, and a reference inside Fn::Split, are found', () => {
    const rules = (resource: string) =>
      found.filter((one) => one.file === planted && one.resource === resource).map(({ rule }) => rule);
    assert.ok(rules('Bucket').includes('CKV_AWS_20'), `${rules('Bucket')}`);
    assert.ok(
      rules('Topic').some((rule) => rule.startsWith('E')),
      `${rules('Topic')}`,
    );
  });
});
