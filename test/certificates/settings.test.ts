/** The Lambda's settings come from variables, and an error names every mistake at once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readSettings } from '../../services/certificates/settings.ts';

const least = { SKYLARK_KMS_KEY: 'alias/certificates', SKYLARK_DNS_ZONE: 'acme.example.org', SKYLARK_DNS_ZONE_ID: 'Z1' };

test('the required variables are enough, and the region comes from AWS', () => {
  assert.deepEqual(readSettings({ ...least, SKYLARK_ACME_EMAIL: '', PATH: '/bin' }, 'eu-west-1'), {
    ...least,
    SKYLARK_DYNAMODB: 'aws',
    SKYLARK_REGION: 'eu-west-1',
    SKYLARK_TABLE_PREFIX: 'skylark-',
    SKYLARK_KMS: 'aws',
    SKYLARK_ACME: 'https://acme-v02.api.letsencrypt.org/directory',
    SKYLARK_DNS: 'aws',
    SKYLARK_DNS_SERVERS: [],
    SKYLARK_LOG_LEVEL: 'info',
  });
});

test('addresses of resolvers are a list', () => {
  const { SKYLARK_DNS_SERVERS } = readSettings({ ...least, SKYLARK_DNS_SERVERS: '192.0.2.1, 127.0.0.1:5353 2001:db8::1' }, 'x');
  assert.deepEqual(SKYLARK_DNS_SERVERS, ['192.0.2.1', '127.0.0.1:5353', '2001:db8::1']);
});

for (const [name, value, fault] of [
  ['SKYLARK_KMS_KEY', undefined, 'is needed'],
  ['SKYLARK_DNS_ZONE', undefined, 'is needed'],
  ['SKYLARK_DNS_ZONE_ID', undefined, 'is needed'],
  ['SKYLARK_DNS_ZONE', 'Bad Zone', 'must be a domain name such as acme.example.org'],
  ['SKYLARK_DNS_ZONE', 'localhost', 'must be a domain name such as acme.example.org'],
  ['SKYLARK_DNS_SERVERS', 'resolver.example', 'must be a list of IP addresses'],
  ['SKYLARK_ACME', 'ftp://ca.example/', 'must be an http:// or https:// URL'],
  ['SKYLARK_KMS', 'gcp', "must be 'aws' or a URL"],
  ['SKYLARK_ACME_EMAIL', 'nobody', 'must be an e-mail address'],
] as const) {
  test(`${name} that is ${value === undefined ? 'missing' : `'${value}'`} is named`, () => {
    assert.throws(() => readSettings({ ...least, [name]: value }, 'eu-west-1'), {
      name: 'TypeError',
      message: `${name}: ${fault}`,
    });
  });
}

test('all mistakes are named', () => {
  assert.throws(() => readSettings({}, undefined), {
    message: 'SKYLARK_REGION: is needed; SKYLARK_KMS_KEY: is needed; SKYLARK_DNS_ZONE: is needed',
  });
});
