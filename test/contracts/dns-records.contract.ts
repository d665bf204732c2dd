/** What every adapter of the DnsRecords port does (lib/ports/dns-records.ts). */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { DnsRecords } from '../../lib/ports/dns-records.ts';

export interface RecordsSubject {
  readonly records: DnsRecords;
  /** The texts at a name as others see them, in any order. */
  texts(name: string): Promise<readonly string[]>;
  close(): Promise<void>;
}

export function dnsRecordsContract(name: string, open: () => Promise<RecordsSubject>): void {
  describe(`DNS records: ${name}`, () => {
    let subject: RecordsSubject;
    let records: DnsRecords;
    before(async () => {
      subject = await open();
      ({ records } = subject);
    });
    after(() => subject.close());
    const at = (label: string) => `${label}.one.example.acme.operator.example`;
    const standing = async (label: string) => [...(await subject.texts(at(label)))].sort();

    test('texts that were put are at the name, complete and with no others', async () => {
      await records.put(at('a'), ['Zm9v_-AZ09', 'second']);
      assert.deepEqual(await standing('a'), ['Zm9v_-AZ09', 'second']);
      await records.put(at('a'), ['third']);
      assert.deepEqual(await standing('a'), ['third']);
    });

    test('removed texts are gone, and other names keep theirs', async () => {
      for (const label of ['b', 'x.b', 'c']) await records.put(at(label), [label]);
      await records.remove(at('b'));
      assert.deepEqual([await standing('b'), await standing('x.b'), await standing('c')], [[], ['x.b'], ['c']]);
    });

    test('removing what is not there succeeds', async () => {
      await records.remove(at('never'));
      await records.remove(at('b'));
      assert.deepEqual(await standing('never'), []);
    });

    test('many at once do not mix', async () => {
      const labels = Array.from({ length: 8 }, (_, index) => `n${index}`);
      await Promise.all(labels.map((label) => records.put(at(label), [label])));
      for (const label of labels) assert.deepEqual(await standing(label), [label]);
    });
  });
}
