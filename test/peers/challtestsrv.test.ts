/** The DNS server that goes with pebble, as a place for records and as the DNS that is asked. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { challtestsrvRecords } from '../../lib/adapters/challtestsrv-records.ts';
import { dnsLookup } from '../../lib/adapters/dns-lookup.ts';
import { Unavailable } from '../../lib/ports/store.ts';
import { dnsRecordsContract } from '../contracts/dns-records.contract.ts';
import { Pebble, skipWithoutPebble } from '../support/pebble.ts';

describe('pebble-challtestsrv', { skip: skipWithoutPebble }, () => {
  dnsRecordsContract('pebble-challtestsrv', async () => {
    const pebble = await Pebble.start();
    const lookup = dnsLookup([pebble.dns]);
    return {
      records: challtestsrvRecords(pebble.records),
      texts: (name) => lookup.texts(name),
      close: () => pebble.stop(),
    };
  });

  describe('as DNS', () => {
    let pebble: Pebble;
    before(async () => {
      pebble = await Pebble.start();
    });
    after(() => pebble.stop());

    test('an alias is told in lower case and without its dot, and none where there is none', async () => {
      await pebble.delegate('one.example', 'ACME.operator.example');
      const lookup = dnsLookup([pebble.dns]);
      assert.equal(await lookup.alias('_acme-challenge.one.example'), 'one.example.acme.operator.example');
      assert.equal(await lookup.alias('_acme-challenge.two.example'), undefined);
    });

    test('who does not answer is Unavailable, for records and for questions', async () => {
      await assert.rejects(challtestsrvRecords('http://127.0.0.1:1').put('x.example', ['x']), Unavailable);
      await assert.rejects(dnsLookup(['127.0.0.1:1']).texts('x.example'), Unavailable);
    });
  });
});
