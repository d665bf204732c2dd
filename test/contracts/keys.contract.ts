/** What every adapter of the Keys port does (lib/ports/keys.ts). */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { type Keys, NotOpened } from '../../lib/ports/keys.ts';
import { portLimits } from '../../lib/ports/limits.ts';

export interface KeysSubject {
  readonly keys: Keys;
  /** The keys of another process with the same key. */
  again(): Promise<Keys>;
  /** Keys with another key. */
  stranger(): Promise<Keys>;
  close(): Promise<void>;
}

export function keysContract(name: string, open: () => Promise<KeysSubject>): void {
  describe(`keys: ${name}`, () => {
    let subject: KeysSubject;
    let keys: Keys;
    const secret = Buffer.from('-----BEGIN PRIVATE KEY-----\nMC4CAQAw\n-----END PRIVATE KEY-----\n');
    before(async () => {
      subject = await open();
      keys = subject.keys;
    });
    after(() => subject.close());

    test('what was sealed is opened for the same context', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.uint8Array({ maxLength: 300 }),
          fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }),
          async (bytes, context) => {
            assert.deepEqual(await keys.open(await keys.seal(bytes, context), context), Buffer.from(bytes));
          },
        ),
        { numRuns: 20 },
      );
      const longest = Buffer.alloc(portLimits.sealedBytesMax, 7);
      assert.deepEqual(await keys.open(await keys.seal(longest, 'example.org'), 'example.org'), longest);
    });

    test('another process with the same key opens it', async () => {
      assert.deepEqual(await (await subject.again()).open(await keys.seal(secret, 'example.org'), 'example.org'), secret);
    });

    test('it is another text each time, of plain letters, without the secret in it', async () => {
      const [one, two] = [await keys.seal(secret, 'example.org'), await keys.seal(secret, 'example.org')];
      assert.notEqual(one, two);
      for (const sealed of [one, two]) {
        assert.match(sealed, /^[A-Za-z0-9+/=.]+$/);
        for (const part of sealed.split('.')) assert.ok(!Buffer.from(part, 'base64').includes('PRIVATE'));
      }
    });

    test('another context does not open it', async () => {
      const sealed = await keys.seal(secret, 'example.org');
      for (const context of ['example.com', 'Example.org', 'example.org ', '#acme']) {
        await assert.rejects(keys.open(sealed, context), NotOpened, context);
      }
    });

    test('another key does not open it', async () => {
      const stranger = await subject.stranger();
      await assert.rejects(stranger.open(await keys.seal(secret, 'example.org'), 'example.org'), NotOpened);
    });

    test('a text with anything changed, cut, added or put together from two is not opened', async () => {
      const sealed = await keys.seal(secret, 'example.org');
      const other = await keys.seal(secret, 'example.org');
      const changed = [...sealed].flatMap((letter, at) =>
        // every seventh letter: with KMS each try is a request
        at % 7 === 0 ? [sealed.slice(0, at) + (letter === 'A' ? 'B' : 'A') + sealed.slice(at + 1)] : [],
      );
      const parts = sealed.split('.');
      const mixed = parts.map((_, index) => parts.toSpliced(index, 1, other.split('.')[index]!).join('.')).slice(1);
      const forms = [
        '',
        '.',
        '1....',
        '2',
        sealed.slice(0, -1),
        sealed.slice(1),
        `${sealed}A`,
        `${sealed}.`,
        sealed.replace('1.', '2.'),
      ];
      // A tag of 4 bytes would be guessed in no time.
      const short = parts.toSpliced(4, 1, Buffer.from(parts[4]!, 'base64').subarray(0, 4).toString('base64')).join('.');
      for (const text of [...changed, ...mixed, ...forms, short, `${sealed}\n`, 'x'.repeat(100_000)]) {
        await assert.rejects(keys.open(text, 'example.org'), NotOpened, text.slice(0, 100));
      }
      assert.deepEqual(await keys.open(sealed, 'example.org'), secret);
    });

    test('an empty context and too long a secret are refused', async () => {
      await assert.rejects(keys.seal(secret, ''), TypeError);
      await assert.rejects(keys.seal(secret, 'x'.repeat(portLimits.sealContextBytesMax + 1)), TypeError);
      await assert.rejects(keys.seal(Buffer.alloc(portLimits.sealedBytesMax + 1), 'example.org'), RangeError);
    });
  });
}
