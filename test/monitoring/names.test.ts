/** Alert rules, dashboard and page name figures that the program has, and say what to do. test/peers/prometheus.test.ts runs them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Alert, asked, type Dashboard, programsSeries, readAlerts, readDashboard, seriesIn, textOf } from './ground.ts';

const known = await programsSeries();
const alerts = readAlerts();
const dashboard = readDashboard();

const unknownIn = (text: string): string[] => seriesIn(text).filter((name) => !known.has(name));

test('every figure of the rules exists, and a wrong name is found', () => {
  assert.ok(alerts.length >= 20, `only ${alerts.length} rules were seen`);
  for (const { alert, expr } of alerts) {
    assert.ok(seriesIn(expr).length > 0 || alert === 'SkylarkDown', alert);
    assert.deepEqual(unknownIn(expr), [], alert);
  }
  assert.deepEqual(unknownIn('rate(skylark_store_throttle_total{result="skylark_x"}[5m]) > skylark_streams'), [
    'skylark_store_throttle_total',
  ]);
  assert.deepEqual(unknownIn('skylark_batch_seconds_buckets'), ['skylark_batch_seconds_buckets']);
});

test('every figure of the dashboard exists', () => {
  const all = asked(dashboard);
  assert.ok(all.length >= 35, `only ${all.length} expressions were seen`);
  for (const { where, expr } of all) {
    assert.ok(seriesIn(expr).length > 0 || expr.includes('up{'), where);
    assert.deepEqual(unknownIn(expr), [], where);
  }
});

test('every figure of the program is on the dashboard, and in the table of docs/operations.md', () => {
  const own = [...known].filter((name) => /^skylark_/.test(name) && !/_(?:bucket|sum|count)$/.test(name));
  assert.ok(own.length >= 20, `only ${own.length} were seen`);
  const shown = asked(dashboard).flatMap(({ expr }) => seriesIn(expr));
  const page = textOf('operations.md');
  for (const name of own) {
    assert.ok(
      shown.some((one) => one === name || one === `${name}_bucket`),
      `the dashboard does not show ${name}`,
    );
    assert.ok(page.includes(`\`${name}\``), `docs/operations.md does not name ${name}`);
  }
});

for (const page of ['operations.md', 'monitoring.md'])
  test(`every figure that docs/${page} names exists`, () => {
    const named = textOf(page)
      .split('\n')
      .flatMap((line) => (line.match(/`[^`]*\bskylark_[^`]*`/g) ?? []).flatMap(seriesIn))
      .filter((name) => name !== 'skylark_');
    assert.ok(named.length >= 12, `only ${named.length} were seen`);
    assert.deepEqual(
      named.filter((name) => !known.has(name)),
      [],
    );
  });

test('a page that names no such figure is found', () => {
  assert.deepEqual(unknownIn('`skylark_sessions{x="y"}`, `skylark_session`'), ['skylark_session']);
});

test('every line of the table of other servers has one of their figures, and ours or why there is none', () => {
  const rows = [...textOf('monitoring.md').matchAll(/^\| (`prosody.*?|) ?\| (`.*?|) ?\| (.+) \|$/gm)];
  assert.ok(rows.length >= 12, `only ${rows.length} were seen`);
  for (const [line, prosody, mongoose, ours] of rows) {
    assert.ok(prosody !== '' || mongoose !== '', line);
    assert.ok(/skylark_|^none: |^the same/.test(ours!), line);
  }
});

/** What is wrong with how rules tell people, by name. */
function faultsOf(rules: readonly Alert[], page: string): string[] {
  const parts = page.split(/^##+ /m).map((part) => /^(Skylark\w+)\n\n([\s\S]+)$/.exec(part) ?? []);
  const sections = new Map(parts.flatMap(([, name, text]) => (name === undefined ? [] : [[name, text!.trim()] as const])));
  const names = new Set(rules.map(({ alert }) => alert));
  return [
    ...rules.flatMap(({ alert, labels, annotations: { summary, action, runbook } }) => [
      ...(['page', 'ticket'].includes(labels.severity) ? [] : [`${alert} has the severity ${labels.severity}`]),
      ...(/\.$/.test(action) && !/\.$/.test(summary) ? [] : [`${alert} does not say in sentences what is and what to do`]),
      ...(runbook === `docs/monitoring.md#${alert.toLowerCase()}` ? [] : [`${alert} names another section: ${runbook}`]),
      ...((sections.get(alert)?.length ?? 0) > 80 ? [] : [`${alert} has no section that says why and what to do`]),
    ]),
    ...[...sections.keys()].flatMap((name) => (names.has(name) ? [] : [`the page has ${name}, which does not exist`])),
    ...(names.size === rules.length ? [] : ['two alerts have the same name']),
  ];
}

test('every alert has a severity, a sentence on what to do, and a section with reasons', () => {
  assert.deepEqual(faultsOf(alerts, textOf('monitoring.md')), []);
  const [first] = alerts as [Alert];
  assert.equal(faultsOf([{ ...first, alert: 'Other' }], '### SkylarkGone\n\nWhy.\n').length, 3);
});

function faultsOfDashboard({ panels, templating, annotations }: Dashboard): string[] {
  const source = JSON.stringify({ type: 'prometheus', uid: ['$', '{datasource}'].join('') });
  const isOther = (one: unknown) => JSON.stringify(one) !== source;
  const drawn = panels.filter(({ type }) => type !== 'row');
  const queried = templating.list.filter(({ type }) => type === 'query');
  const variables = new Set(['__rate_interval', ...templating.list.map(({ name }) => name)]);
  const used = [...panels.flatMap(({ targets = [] }) => targets), ...annotations.list].flatMap(
    ({ expr }) => expr.match(/\$\w+/g) ?? [],
  );
  const cells = new Map<string, string>();
  return [
    ...(templating.list[0]?.type === 'datasource' && templating.list[0].query === 'prometheus'
      ? []
      : ['the data source is fixed']),
    ...[...drawn, ...drawn.flatMap(({ targets = [] }) => targets), ...queried, ...annotations.list].flatMap(({ datasource }) =>
      isOther(datasource) ? [`another data source: ${JSON.stringify(datasource)}`] : [],
    ),
    ...used.flatMap((name) => (variables.has(name.slice(1)) ? [] : [`${name} is not a variable`])),
    ...(new Set(panels.map(({ id }) => id)).size === panels.length ? [] : ['two panels have one id']),
    ...drawn.flatMap(({ title, description, targets = [] }) =>
      targets.length > 0 && description ? [] : [`${title} shows nothing, or does not say what`],
    ),
    ...panels.flatMap(({ title, gridPos: { x, y, w, h } }) => {
      const faults = x + w > 24 ? [`${title} is too wide`] : [];
      for (let at = x; at < x + w; at++)
        for (let line = y; line < y + h; line++) {
          const before = cells.get(`${at} ${line}`);
          if (before !== undefined && faults.length === 0) faults.push(`${title} lies on ${before}`);
          cells.set(`${at} ${line}`, title);
        }
      return faults;
    }),
  ];
}

test('the dashboard loads as it is: no fixed data source, unknown variable, equal id or panel on another', () => {
  assert.equal(dashboard.id, null);
  assert.deepEqual(faultsOfDashboard(dashboard), []);
  const panels = dashboard.panels.map((panel) =>
    panel.id === 2 ? { ...panel, id: 3, datasource: 'mine', gridPos: { ...panel.gridPos, x: 3 } } : panel,
  );
  const planted = { ...dashboard, panels, templating: { list: dashboard.templating.list.slice(0, 2) } };
  const found = faultsOfDashboard(planted).join('\n');
  for (const part of [/another data source: "mine"/, /two panels have one id/, /lies on/, /\$instance is not a variable/])
    assert.match(found, part);
});

test('the dashboard covers what people look for', () => {
  const titles = dashboard.panels.map(({ title }) => title.toLowerCase()).join('\n');
  for (const word of [
    'streams',
    'sign-ins',
    'stanzas',
    'catch-up',
    'push',
    'rooms',
    'store',
    'other servers',
    'event loop',
    'certificates',
  ])
    assert.ok(titles.includes(word), word);
});
