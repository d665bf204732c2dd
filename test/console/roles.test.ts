/** What somebody with a role sees in the console: what they may do, and nothing that the router would refuse. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { type Role, rightsOf, roleNames } from '../../lib/runtime/rights.ts';
import { pages } from '../../services/console/pages/pages.ts';
import { operations } from '../../services/router/operations/index.ts';
import { type Browser, type Ground, openGround } from './ground.ts';

let ground: Ground;
beforeEach(async () => {
  ground = await openGround();
  const juliet = await ground.stage.join('juliet@a.example/balcony');
  await juliet.send("<presence to='hall@conference.a.example/J'><x xmlns='http://jabber.org/protocol/muc'/></presence>");
  await juliet.until(
    () => juliet.inbox.some((xml) => /code=['"]201['"]/.test(xml)),
    () => juliet.inbox.join(),
  );
});
afterEach(() => ground.close());

async function enter(role: Role, more = {}): Promise<Browser> {
  await ground.operate('user-role', { jid: 'nurse@a.example', role, ...more });
  return ground.admin('a.example');
}

/** The operations that a page offers by a form or a button, and the pages of the console that it leads to. */
function offersOf(text: string): { readonly names: string[]; readonly paths: string[] } {
  return {
    names: [...text.matchAll(/(?:action|href)="\/console\/do\/([a-z-]+)/g)].map(([, name]) => name!),
    paths: [...text.matchAll(/href="(\/console(?:\/(?!do\/|assets\/|language\/)[^"]*)?)"/g)].map(([, path]) => path!),
  };
}

function patternOf(path: string): RegExp {
  return new RegExp(`^/console${path === '/' ? '' : path.replaceAll(/:\w+/g, '[^/?]+')}(?:[?].*)?$`);
}

const mayDo = (role: Role, name: string) => rightsOf({ role }).includes(operations.find((one) => one.name === name)!.right);

for (const role of roleNames.filter((one) => one !== 'none')) {
  test(`${role}: every page that is shown opens, and offers what the role may do`, async () => {
    const browser = await enter(role);
    const seen = new Set<string>();
    const waiting = ['/console'];
    let offers = 0;
    for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
      const { status, text } = await browser.get(path);
      assert.equal(status, 200, path);
      const { names, paths } = offersOf(text);
      for (const name of names) assert.ok(mayDo(role, name), `${path} offers '${name}'`);
      offers += names.length;
      for (const next of paths.map((one) => one.replaceAll('&amp;', '&'))) {
        if (seen.has(next) || next.includes('b.example')) continue;
        seen.add(next);
        waiting.push(next);
      }
    }
    assert.ok(seen.size >= 8, `${seen.size} pages`);
    const missed = pages.filter(({ path }) => ![...seen].some((one) => patternOf(path).test(one))).map(({ path }) => path);
    if (role === 'deployment-owner')
      assert.deepEqual(missed, ['/tenants/:domain/doctor', '/do/:operation'], 'they find every page');
    assert.ok(offers > 0 || role === 'auditor');
    const { text } = await browser.get('/console/operations');
    const expected = operations.filter(({ http, name }) => !('whyNone' in http) && mayDo(role, name)).map(({ name }) => name);
    assert.deepEqual(offersOf(text).names.sort(), expected.sort());
  });

  test(`${role}: a form that is asked for all the same is refused`, async () => {
    const [browser, another] = [await enter(role), await enter(role)]; // a session has a bound on its requests
    const refused = operations.filter(({ http, name }) => !('whyNone' in http) && !mayDo(role, name));
    for (const { name } of refused) assert.equal((await browser.get(`/console/do/${name}`)).status, 404, name);
    for (const { name } of refused)
      assert.equal((await another.does(name, { domain: 'a.example', jid: 'juliet@a.example' })).status, 404, name);
    assert.ok(refused.length > 0 || role === 'deployment-owner');
  });
}

describe('an account', () => {
  test('with more rights is shown without a way to change it', async () => {
    const admin = await enter('admin');
    await ground.operate('user-role', { jid: 'juliet@a.example', role: 'owner' });
    const { text } = await admin.get('/console/tenants/a.example/accounts/juliet');
    assert.match(text, /more rights than you have/);
    const body = text.slice(text.indexOf('<main'));
    assert.doesNotMatch(body, /<button|\/console\/do\//);
    assert.equal((await admin.does('user-password', { jid: 'juliet@a.example', password: 'mine' })).status, 403);
  });

  test('is offered the roles that one can give, and the content of messages by an owner alone', async () => {
    const choices = async (browser: Browser) => {
      const { text } = await browser.get('/console/tenants/a.example/accounts/juliet');
      const [form = ''] = /<form[^>]*user-role[\s\S]*?<\/form>/.exec(text) ?? [];
      return [[...form.matchAll(/<option value="([a-z-]+)"/g)].map(([, role]) => role), form.includes('name="content"')];
    };
    assert.deepEqual(await choices(await enter('admin')), [['none', 'auditor', 'support', 'admin'], false]);
    assert.deepEqual(await choices(await enter('owner')), [['none', 'auditor', 'support', 'admin', 'owner'], true]);
    const operator = await enter('operator');
    assert.deepEqual(await choices(operator), [['none', 'auditor', 'support', 'admin', 'owner', 'operator'], true]);
    assert.equal((await operator.does('user-role', { jid: 'juliet@a.example', role: 'owner' })).status, 303);
  });
});

describe('the policy', () => {
  test('that decides who gets into which account is shown to an admin, and not in a form', async () => {
    const { text } = await (await enter('admin')).get('/console/tenants/a.example');
    assert.match(text, /name="inviteDays"/);
    assert.doesNotMatch(text, /name="(?:signIn|webhookUrl|ldapUrl|jwtKeys|webUrl)"/);
    assert.match(text, /<dt>Ways to sign in<\/dt><dd>password<\/dd>/);
  });

  test('is shown to an auditor, who has no form', async () => {
    const { text } = await (await enter('auditor')).get('/console/tenants/a.example');
    assert.doesNotMatch(text.slice(text.indexOf('<main')), /<form/);
    assert.match(text, /<dt>Federation<\/dt><dd>open<\/dd>/);
  });
});

test('messages of a report are shown to whoever has the right, by a button that others do not see', async () => {
  const juliet = await ground.stage.appear('juliet@a.example/balcony');
  const eve = await ground.stage.appear('eve@b.example/x');
  await eve.send(`<message to='juliet@a.example' type='chat'><body>Buy potions!</body></message>`);
  const [, id] = /<stanza-id [^>]*id='([^']+)'/.exec(juliet.inbox.find((xml) => xml.includes('potions'))!)!;
  const said = `<stanza-id xmlns='urn:xmpp:sid:0' by='juliet@a.example' id='${id}'/>`;
  const report = `<report xmlns='urn:xmpp:reporting:1' reason='urn:xmpp:reporting:spam'>${said}</report>`;
  const item = `<item jid='eve@b.example'>${report}</item>`;
  await juliet.send(`<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'>${item}</block></iq>`);
  const path = '/console/tenants/a.example/reports';
  for (const role of ['support', 'admin'] as const) {
    const { text } = await (await enter(role)).get(path);
    assert.match(text, /Messages kept with it: 1/);
    assert.doesNotMatch(text, /potions|report-show/, role);
  }
  const reader = await enter('support', { content: true });
  const { text } = await reader.get(path);
  assert.doesNotMatch(text, /potions/);
  const link = /href="(\/console\/do\/report-show[^"]*)"/.exec(text)![1]!.replaceAll('&amp;', '&');
  const key = new URL(link, 'https://x').searchParams.get('id')!;
  const shown = await reader.does('report-show', { domain: 'a.example', id: key });
  assert.equal(shown.status, 200);
  assert.match(shown.text, /Buy potions!/);
});
