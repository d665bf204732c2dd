/**
 * Files and folders of tests that cannot be quick, because processes start, die and wait for each other in real time. `npm run test:slow`
 * runs them, and `.ci/run` does; `npm test` runs everything else.
 */
export const slowFiles: readonly string[] = [
  // Each test has a service of its own, in processes of its own, with clients from outside.
  'test/end-to-end/',
  // Each command is a process, and most of them need a service that runs.
  'test/cli/accounts.test.ts',
  'test/cli/bundle.test.ts',
  'test/cli/certificates.test.ts',
  'test/cli/cloud-accounts.test.ts',
  'test/cli/compose-file.test.ts',
  'test/cli/doctor-local.test.ts',
  'test/cli/invites.test.ts',
  'test/cli/keys.test.ts',
  'test/cli/logs.test.ts',
  'test/cli/serve-all.test.ts',
  'test/cli/newer-rows.test.ts',
  'test/cli/prove-domains.test.ts',
  'test/cli/production-install.test.ts',
  'test/cli/setup.test.ts',
  'test/cli/serve-api.test.ts',
  'test/cli/start-refusals.test.ts',
  'test/cli/start.test.ts',
  // Another server dies, is silent and comes back, and what waits for it is tried again after seconds.
  'test/federation/outgoing.test.ts',
  'test/federation/standing.test.ts',
  // Servers are slow or silent until they are given up.
  'test/cli/doctor-servers.test.ts',
  'test/federation/hostile.test.ts',
  // Components are silent until a ping is given up; deployments start for each test.
  'test/federation/components.test.ts',
  'test/federation/components-hostile.test.ts',
  'test/federation/privileged-component.test.ts',
  // What a tenant decides is felt within a second, many times over.
  'test/federation/policy.test.ts',
  // A thousand processes have heartbeats, and 30,000 sessions are parked.
  'test/runtime/partition-limits.test.ts',
  // Each planted bug is looked for in as many simulated hours as it takes to find it.
  'test/simulator-plants.test.ts',
  'test/simulator-plants-2.test.ts',
  'test/simulator-news-plants.test.ts',
  'test/simulator-visit-plants.test.ts',
  'test/simulator-announcement-plants.test.ts',
  'test/simulator-outbox-plants.test.ts',
  'test/simulator-outbox-plants-2.test.ts',
  'test/simulator-outbox-plants-3.test.ts',
];
