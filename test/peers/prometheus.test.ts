/**
 * Debian's Prometheus reads a service in which people of two domains talk: its figures are well-formed, the alert rules load and fire when
 * they should, and every curve of the dashboard has data. Debian's Prosody shows the figures that docs/monitoring.md says it has.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Client, xml } from '@xmpp/client';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import { Health, type HealthServer, serveHealth } from '../../services/cli/compose/health.ts';
import { Metrics } from '../../services/cli/compose/metrics.ts';
import { Prometheus } from '../../services/cli/compose/prometheus.ts';
import { skylark as command } from '../cli/skylark-command.ts';
import { alertsFile, asked, readAlerts, readDashboard, seriesIn, seriesOf, textOf } from '../monitoring/ground.ts';
import { trials, unitTests } from '../monitoring/series.ts';
import { freePorts } from '../support/free-ports.ts';
import { Skylark } from '../support/skylark.ts';
import { xmppjs } from '../support/xmppjs.ts';

const folder = mkdtempSync(join(tmpdir(), 'skylark-prometheus-'));
const people: Client[] = [];
let skylark: Skylark;
let broken: HealthServer;
let dead: string;
let faults = 0;
let prometheus: ChildProcess;
let said = '';
let base: string;
let page: () => Promise<string>;

/** Figures that a service on its own disk and without a proxy in front does not have. */
const elsewhere = new Set(['skylark_store_failures_total', 'skylark_store_throttles_total', 'skylark_bad_proxy_headers_total']);
/** Figures without a line until something has happened that does not happen here. */
const unmet = new Set([
  ...['skylark_pushes_total', 'skylark_outbox_age_seconds', 'skylark_outbox_lag_seconds'],
  ...['skylark_webhook_posts_total', 'skylark_announcement_messages_total'],
  ...['skylark_resumptions_total', 'skylark_moderated_messages_total'],
  ...['skylark_uploads_total', 'skylark_upload_bytes_total', 'skylark_upload_slots_total', 'skylark_upload_slot_bytes_total'],
]);

/** Calls to the store that do not end well, of which there need not be any. */
const mishaps = 'result!="done"';

before(async () => {
  const [health, components, port, closed] = (await freePorts(4)) as [number, number, number, number];
  skylark = await Skylark.start('a.example', ['--health-port', `${health}`, '--component-port', `${components}`]);
  const added = await command(['tenant', 'add', 'b.example', '--data', skylark.data]);
  assert.equal(added.code, 0, added.err);
  page = () => fetch(`http://127.0.0.1:${health}/metrics`).then((response) => response.text());

  const metrics = new Metrics({ clock: systemClock, service: 'muc', deployment: '', write: () => {} });
  metrics.counter('Faults', () => faults);
  broken = await serveHealth('127.0.0.1', 0, new Health(), new Prometheus(metrics, 'muc'));

  base = `http://127.0.0.1:${port}`;
  const targets = [health, broken.address.port, closed].map((each) => `127.0.0.1:${each}`);
  dead = `127.0.0.1:${closed}`;
  const config = {
    global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
    rule_files: [alertsFile],
    scrape_configs: [{ job_name: 'skylark', static_configs: [{ targets }] }],
  };
  writeFileSync(join(folder, 'prometheus.yml'), JSON.stringify(config));
  prometheus = spawn(
    'prometheus',
    [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  prometheus.stderr!.on('data', (chunk: Buffer) => (said += chunk));
  await eventually('Prometheus', async () => (await fetch(`${base}/-/ready`)).ok);
});

after(async () => {
  for (const person of people) await person.stop().catch(() => undefined);
  if (prometheus?.exitCode === null) {
    prometheus.kill('SIGKILL');
    await once(prometheus, 'exit');
  }
  broken?.stop();
  await skylark?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function eventually(what: string, isTrue: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 60; tries++) {
    if (await isTrue().catch(() => false)) return;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  assert.fail(`${what}: not within 30 s. ${said.slice(-4_000)}`);
}

async function api<Data>(path: string, parameters: Readonly<Record<string, string>> = {}): Promise<Data> {
  const answer = await fetch(`${base}/api/v1/${path}?${new URLSearchParams(parameters)}`);
  const { status, data, error } = (await answer.json()) as { status: string; data: Data; error?: string };
  assert.equal(status, 'success', `${JSON.stringify(parameters)}: ${error}`);
  return data;
}

function promtool(args: readonly string[], input?: string): { readonly code: number | null; readonly output: string } {
  const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8', input });
  return { code: status, output: `${stdout}${stderr}` };
}

async function signIn(local: string, domain: string): Promise<Client> {
  skylark.addUser(`${local}@${domain}`, 'secret');
  const service = `ws://127.0.0.1:${skylark.ports.http}/xmpp-websocket`;
  const person = xmppjs({ service, domain, username: local, password: 'secret', resource: 'test' });
  person.on('error', () => undefined);
  people.push(person);
  await person.start();
  await person.send(xml('presence'));
  return person;
}

/** A node of the pubsub service, with its maker as the subscriber. */
async function publish(person: Client): Promise<void> {
  const ns = 'http://jabber.org/protocol/pubsub';
  const ask = (child: ReturnType<typeof xml>) =>
    person.iqCaller.request(xml('iq', { type: 'set', to: 'pubsub.a.example' }, xml('pubsub', { xmlns: ns }, child)));
  await ask(xml('create', { node: 'news' }));
  await ask(xml('subscribe', { node: 'news', jid: 'juliet@a.example' }));
  await ask(xml('publish', { node: 'news' }, xml('item', {}, xml('news', { xmlns: 'urn:news' }))));
}

test('people of two domains sign in, talk, catch up and enter a room; one is wrong', async () => {
  skylark.addUser('tybalt@b.example', 'secret');
  const [juliet] = [await signIn('juliet', 'a.example'), await signIn('romeo', 'b.example')];
  const message = (to: string) => juliet!.send(xml('message', { to, type: 'chat' }, xml('body', {}, 'hello')));
  for (const to of ['romeo@b.example', 'tybalt@b.example']) await message(to);
  await juliet!.send(
    xml('presence', { to: 'garden@conference.a.example/juliet' }, xml('x', { xmlns: 'http://jabber.org/protocol/muc' })),
  );
  await publish(juliet!);
  await eventually('a room', async () => /^skylark_rooms\{.*\} 1$/m.test(await page()));
  await assert.rejects(
    (async () => {
      const service = `ws://127.0.0.1:${skylark.ports.http}/xmpp-websocket`;
      const wrong = xmppjs({ service, domain: 'a.example', username: 'juliet', password: 'wrong' });
      wrong.on('error', () => undefined);
      people.push(wrong);
      await wrong.start();
    })(),
    /not-authorized/,
  );
  const text = await page();
  for (const line of [
    /^skylark_sign_ins_total\{mechanism="SCRAM-SHA-1",result="success",tenant="a\.example",service="all"\} 1$/m,
    /^skylark_sign_ins_total\{mechanism="SCRAM-SHA-1",result="success",tenant="b\.example",service="all"\} 1$/m,
    /^skylark_sign_ins_total\{mechanism="SCRAM-SHA-1",result="not-authorized",tenant="a\.example",service="all"\} 1$/m,
    /^skylark_stanzas_total\{kind="message",source="client",transport="websocket",tenant="a\.example",service="all"\} [2-9]$/m,
    /^skylark_sessions\{service="all"\} 2$/m,
    /^skylark_catch_up_pages_total\{tenant="a\.example",service="all"\} [1-9]/m,
  ])
    assert.match(text, line);
});

test('promtool: the figures of a service that runs are well-formed', async () => {
  const { code, output } = promtool(['check', 'metrics'], await page());
  assert.equal(code, 0, output);
  assert.equal(output.trim(), '');
  assert.notEqual(promtool(['check', 'metrics'], `${await page()}\nskylark_x{ 1\n`).code, 0);
});

test('promtool: the rules are valid, fire with the series that they are for, and with no others', () => {
  const checked = promtool(['check', 'rules', '--lint=all', '--lint-fatal', alertsFile]);
  assert.equal(checked.code, 0, checked.output);
  const rules = readAlerts().map(({ alert }) => alert);
  assert.deepEqual(trials.map(({ alert }) => alert).toSorted(), rules.toSorted());
  const path = join(folder, 'tests.yml');
  const run = (given: typeof trials) => {
    writeFileSync(path, unitTests(alertsFile, given));
    return promtool(['test', 'rules', path]);
  };
  const tested = run(trials);
  assert.equal(tested.code, 0, tested.output);
  for (const { alert, firing, quiet } of trials) {
    // With the series changed about, each must fail: a trial that sees nothing is none.
    assert.notEqual(run([{ alert, firing: quiet[0]!, quiet: [] }]).code, 0, `${alert} fires without a reason`);
    assert.notEqual(run([{ alert, firing, quiet: [firing] }]).code, 0, `${alert} does not fire`);
  }
});

interface Rules {
  readonly groups: readonly {
    readonly rules: readonly { readonly name: string; readonly health: string; readonly lastError?: string }[];
  }[];
}
interface Alerts {
  readonly alerts: readonly {
    readonly labels: Readonly<Record<string, string>>;
    readonly state: string;
    readonly annotations: object;
  }[];
}

test('Prometheus has all rules, and nothing fires until there is a reason', async () => {
  const healthy = async () => {
    const rules = (await api<Rules>('rules')).groups.flatMap((group) => group.rules);
    return rules.length === readAlerts().length && rules.every(({ health }) => health === 'ok');
  };
  await eventually('all rules to be evaluated', healthy);
  const alerts = async () => (await api<Alerts>('alerts')).alerts;
  // Commands of the tests above held this process up, and with it the target that it serves.
  const told = async () => (await alerts()).map(({ labels, state }) => `${labels.alertname} ${state} ${labels.instance}`);
  await eventually('the target that is dead, and nothing else', async () => {
    const all = await told();
    return all.length === 1 && all[0] === `SkylarkDown pending ${dead}`;
  });
  faults = 1;
  await eventually('a mistake', async () => (await alerts()).some(({ state }) => state === 'firing'));
  const fired = (await alerts()).filter(({ state }) => state === 'firing');
  assert.deepEqual(
    fired.map(({ labels }) => [labels.alertname, labels.service, labels.severity]),
    [['SkylarkFaults', 'muc', 'ticket']],
  );
  assert.match(JSON.stringify(fired[0]!.annotations), new RegExp(`127\\.0\\.0\\.1:${broken.address.port} has met a mistake`));
});

test('every curve of the dashboard can be drawn, and shows what there is', async () => {
  const there = seriesOf(await page());
  const lacking: string[] = [];
  const values: Readonly<Record<string, string>> = { service: '.*', instance: '.*', tenant: '.*', __rate_interval: '1m' };
  for (const { where, expr } of asked(readDashboard())) {
    const names = seriesIn(expr);
    if (where.startsWith('variable')) {
      const [, selector, label] = /^label_values\((.+), (\w+)\)$/.exec(expr) ?? assert.fail(expr);
      const selected = { 'match[]': selector!.replaceAll(/\$(\w+)/g, (_, name: string) => values[name]!) };
      assert.ok((await api<string[]>(`label/${label}/values`, selected)).length > 0, where);
      continue;
    }
    const query = expr.replaceAll(/\$(\w+)/g, (_, name: string) => values[name] ?? assert.fail(`${where}: ${name}`));
    const { result } = await api<{ result: unknown[] }>('query', { query });
    const isUnmet = names.some((name) => elsewhere.has(name) || unmet.has(name)) || query.includes(mishaps);
    if (result.length === 0 && !isUnmet) lacking.push(`${where}: ${query}`);
    for (const name of names) assert.ok(there.has(name) || elsewhere.has(name), `${where}: the service has no ${name}`);
  }
  assert.deepEqual(lacking, []);
});

test("Debian's Prosody has the figures that docs/monitoring.md compares with ours", async () => {
  const named = new Set(textOf('monitoring.md').match(/\bprosody_mod_\w+/g));
  assert.ok(named.size >= 7, `only ${named.size} were seen`);
  const [http, c2s, s2s] = (await freePorts(3)) as [number, number, number];
  const at = (name: string) => join(folder, name);
  mkdirSync(at('prosody'));
  const modules = ['roster', 'saslauth', 'tls', 'c2s', 's2s', 'smacks', 'mam', 'bosh', 'http', 'http_openmetrics'];
  writeFileSync(
    at('prosody.cfg.lua'),
    `run_as_root = true
pidfile = "${at('prosody.pid')}"
data_path = "${at('prosody')}"
interfaces = { "127.0.0.1" }
c2s_ports = { ${c2s} }
s2s_ports = { ${s2s} }
http_ports = { ${http} }
https_ports = {}
statistics = "internal"
statistics_interval = "manual"
modules_enabled = { ${modules.map((name) => `"${name}"`).join(', ')} }
log = { error = "*console" }
VirtualHost "localhost"
Component "rooms.localhost" "muc"
Component "files.localhost" "http_file_share"
`,
  );
  const prosody = spawn('prosody', ['-F', '--config', at('prosody.cfg.lua')], { stdio: 'ignore' });
  try {
    let text = '';
    await eventually('Prosody', async () => {
      text = await (await fetch(`http://localhost:${http}/metrics`)).text();
      return text.includes('# TYPE prosody_mod_c2s__connections');
    });
    const shown = seriesOf(text);
    assert.deepEqual(
      [...named].filter((name) => !shown.has(name)),
      [],
    );
  } finally {
    prosody.kill('SIGKILL');
    await once(prosody, 'exit');
  }
});
