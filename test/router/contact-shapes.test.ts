/** Which shapes of address may be in a roster (RFC 6121 §2), be subscribed to (§3) and be blocked (XEP-0191 §6). */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { StreamActor } from '../support/stage/stream-actor.ts';
import { openStage, type WholeStage } from '../support/stage/whole-stage.ts';

describe('shapes of contacts', () => {
  let stage: WholeStage;
  let juliet: StreamActor;
  before(async () => {
    stage = await openStage();
    juliet = await stage.join('juliet@a.example/balcony');
  });
  after(() => stage.close());

  async function ask(xml: string): Promise<string> {
    juliet.inbox.length = 0;
    await juliet.send(xml);
    return juliet.inbox.splice(0).find((text) => text.startsWith('<iq') && /type='(?:result|error)'/.test(text)) ?? '';
  }

  const outcome = (answer: string) =>
    answer.includes("type='result'") ? 'done' : (/<error [^>]*><([a-z-]+) /.exec(answer)?.[1] ?? answer);
  const roster = () => ask("<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>");

  for (const [what, jid, expected, listed] of [
    ['a person', 'romeo@b.example', 'done', 'romeo@b.example'],
    ['a full JID, which stands for its person', 'NURSE@b.example/x', 'done', 'nurse@b.example'],
    ['a gateway', 'irc.b.example', 'done', 'irc.b.example'],
    ['something at a gateway', 'sms.b.example/registered', 'done', 'sms.b.example'],
    ['a room', 'hall@conference.a.example', 'done', 'hall@conference.a.example'],
    ['oneself', 'juliet@a.example', 'not-allowed', undefined],
    ['oneself in another spelling', 'JULIET@A.example/other', 'not-allowed', undefined],
    ['no address', '', 'bad-request', undefined],
    ['an empty local part', '@b.example', 'jid-malformed', undefined],
    ['an empty resource', 'romeo@b.example/', 'jid-malformed', undefined],
  ] as const) {
    test(`RFC 6121 §2.3: ${what}: ${expected}`, async () => {
      const set = `<iq type='set' id='s'><query xmlns='jabber:iq:roster'><item jid='${jid}'/></query></iq>`;
      assert.equal(outcome(await ask(set)), expected);
      if (listed !== undefined) assert.ok((await roster()).includes(`jid='${listed}'`));
      else assert.ok(!(await roster()).includes("jid='juliet@a.example'"));
    });
  }

  for (const to of ['juliet@a.example', 'juliet@a.example/other', 'JULIET@a.example']) {
    test(`RFC 6121 §3.1: nobody subscribes to oneself, as ${to}`, async () => {
      juliet.inbox.length = 0;
      await juliet.send(`<presence to='${to}' type='subscribe' id='s'/>`);
      assert.match(juliet.inbox.splice(0).join(''), /type='error'.*<not-allowed /);
      assert.ok(!(await roster()).includes("jid='juliet@a.example'"));
    });
  }

  for (const jid of ['romeo@b.example', 'romeo@b.example/x', 'b.example', 'b.example/x', 'hall@conference.a.example/Nick']) {
    test(`XEP-0191 §6: ${jid} can be blocked, as it is`, async () => {
      const item = `<item jid='${jid}'/>`;
      assert.equal(outcome(await ask(`<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'>${item}</block></iq>`)), 'done');
      assert.ok((await ask("<iq type='get' id='l'><blocklist xmlns='urn:xmpp:blocking'/></iq>")).includes(item));
      assert.equal(outcome(await ask(`<iq type='set' id='u'><unblock xmlns='urn:xmpp:blocking'>${item}</unblock></iq>`)), 'done');
    });
  }
});
