/**
 * The verifier that stands in for S3, checked with the examples in AWS's description of Signature Version 4 (GET Object,
 * presigned URL).
 */
import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { test } from 'node:test';
import { Refused, verifySignature } from '../support/sigv4.ts';

const signer = {
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  region: 'us-east-1',
};
const atMs = Date.UTC(2013, 4, 24);
const noBody = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
const scope = 'AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request';
const host = 'examplebucket.s3.amazonaws.com';

function message(method: string, url: string, headers: Readonly<Record<string, string>>): IncomingMessage {
  return { method, url, rawHeaders: Object.entries(headers).flat() } as unknown as IncomingMessage;
}

const signed = {
  Host: host,
  Range: 'bytes=0-9',
  'x-amz-content-sha256': noBody,
  'x-amz-date': '20130524T000000Z',
  Authorization: `AWS4-HMAC-SHA256 Credential=${scope},SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41`,
};

const presigned = (change: Readonly<Record<string, string>> = {}) => {
  const parameters = {
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Credential': scope,
    'X-Amz-Date': '20130524T000000Z',
    'X-Amz-Expires': '86400',
    'X-Amz-SignedHeaders': 'host',
    'X-Amz-Signature': 'aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404',
    ...change,
  };
  return `/test.txt?${new URLSearchParams(parameters)}`;
};

test('AWS’s signed GET Object is accepted, and any change is refused', () => {
  assert.equal(verifySignature(message('GET', '/test.txt', signed), signer, atMs), noBody);
  for (const [what, request] of [
    ['another method', message('PUT', '/test.txt', signed)],
    ['another path', message('GET', '/test.tx', signed)],
    ['another query', message('GET', '/test.txt?a', signed)],
    ['another range', message('GET', '/test.txt', { ...signed, Range: 'bytes=0-10' })],
    ['another host', message('GET', '/test.txt', { ...signed, Host: 'other.s3.amazonaws.com' })],
    ['a header of S3 that is not signed', message('GET', '/test.txt', { ...signed, 'x-amz-acl': 'private' })],
    ['no signature', message('GET', '/test.txt', { Host: host })],
  ] as const) {
    assert.throws(() => verifySignature(request, signer, atMs), Refused, what);
  }
  assert.throws(() => verifySignature(message('GET', '/test.txt', signed), signer, atMs + 16 * 60_000), /clocks differ/);
});

test('AWS’s presigned URL is accepted while it lasts, and any change is refused', () => {
  const headers = { Host: host };
  const verify = (url: string, nowMs: number) => verifySignature(message('GET', url, headers), signer, nowMs);
  assert.equal(verify(presigned(), atMs), undefined);
  assert.equal(verify(presigned(), atMs + 86_399_000), undefined);
  assert.throws(() => verify(presigned(), atMs + 86_400_000), /has expired/);
  assert.throws(() => verify(presigned(), atMs - 16 * 60_000), /not yet valid/);
  const changes: readonly Readonly<Record<string, string>>[] = [
    { 'X-Amz-Expires': '86401' },
    { 'X-Amz-Expires': '-1' },
    { 'X-Amz-SignedHeaders': '' },
    { 'X-Amz-Signature': '' },
    { 'X-Amz-Algorithm': 'none' },
    { 'X-Amz-Date': '20130524T000001Z' },
    { more: '1' },
  ];
  for (const change of changes) {
    assert.throws(() => verify(presigned(change), atMs), Refused, JSON.stringify(change));
  }
  assert.throws(() => verify(`${presigned()}&X-Amz-Expires=1`, atMs), Refused);
});
