/** Relations between bounds: other servers, what waits for them, and components. */
import { showRelations } from './limit-relations.ts';

showRelations('other servers', [
  {
    says: 'a key of dialback is verified before whoever showed it is out of time',
    holds: ({ connection, federation }) => federation.verifyMs < connection.streamProofMs,
    planted: { federation: { verifyMs: 60_000 } },
  },
  {
    says: 'a peer that does not answer a ping is asked by closing the stream before it is taken for dead',
    holds: ({ federation }) => federation.pongMs < federation.confirmMs,
    planted: { federation: { pongMs: 30_000 } },
  },
  {
    says: 'what waits is tried again several times before it bounces, and requests fail sooner',
    holds: ({ federation, runtime }) => {
      const holdMs = runtime.peerHoldSeconds * 1_000;
      return 10 * federation.retryMaxMs <= holdMs && federation.iqMs < holdMs;
    },
    planted: { federation: { retryMaxMs: 10 * 60_000 } },
  },
  {
    says: 'a server that is back is reached within a minute: after the longest pause, and when a try that had begun before has failed',
    holds: ({ federation, finding }) => 2 * federation.retryMaxMs + finding.connectMs + 2 * federation.tickMs < 60_000,
    planted: { federation: { retryMaxMs: 25_000 } },
  },
  {
    says: 'a connection that was lost without a word is noticed, and another one opened, within a minute',
    holds: ({ federation }) => {
      const noticedMs = federation.askSilentMs + Math.max(federation.confirmMs, 2 * federation.pongMs) + 2 * federation.tickMs;
      return noticedMs + 2 * federation.retryMinMs < 60_000;
    },
    planted: { federation: { askSilentMs: 30_000 } },
  },
  {
    says: 'a few hundred dead servers have their turns within the longest pause of others, and all have several before what waits bounces',
    holds: ({ federation, runtime }) =>
      (300 / federation.deadRetriesPerSecond) * 1_000 <= 2 * federation.retryMaxMs &&
      10 * federation.deadRetryMaxMs <= runtime.peerHoldSeconds * 1_000,
    planted: { federation: { deadRetriesPerSecond: 5 } },
  },
  {
    says: 'the first pause between two tries is below the longest',
    holds: ({ federation }) => federation.retryMinMs < federation.retryMaxMs,
    planted: { federation: { retryMinMs: 6 * 60_000 } },
  },
  {
    says: 'an owner looks for what it has missed before the row of a pair is given up',
    holds: ({ federation, runtime }) => 2 * federation.lookMs < runtime.outboxDueMs,
    planted: { federation: { lookMs: 30_000 } },
  },
  {
    says: 'the next owner of a shard asks several times in one heartbeat whether it has been given up',
    holds: ({ federation, runtime }) => 4 * federation.fenceRetryMs <= runtime.heartbeatMs,
    planted: { federation: { fenceRetryMs: 3_000 } },
  },
  {
    says: 'a row of an outbox fits into the store, even when JSON escapes every other character',
    holds: ({ port, runtime }) => 2 * runtime.outboxRowBytesMax <= port.storeValueBytesMax,
    planted: { runtime: { outboxRowBytesMax: 256 * 1024 } },
  },
  {
    says: 'what one pair has waiting is a small share of what all have in one process',
    holds: ({ federation }) => 8 * federation.waitingBytesMax <= federation.waitingBytesAllMax,
    planted: { federation: { waitingBytesMax: 32 * 1024 * 1024 } },
  },
  {
    says: 'the shortest time for which a document of POSH or an answer of DNS is believed is below the longest',
    holds: ({ finding, s2s }) => s2s.poshKeepMinMs < s2s.poshKeepMaxMs && finding.dnsAnswerMinMs < finding.dnsAnswerMaxMs,
    planted: { s2s: { poshKeepMinMs: 48 * 60 * 60_000 } },
  },
  {
    says: 'an address of a domain is tried while the one before it still has time to answer (RFC 8305 §5)',
    holds: ({ finding }) => finding.attemptDelayMs < finding.connectMs && finding.resolutionDelayMs < finding.attemptDelayMs,
    planted: { finding: { attemptDelayMs: 20_000 } },
  },
  {
    says: 'the pairs of one shard that an operator is shown fit into one message on the bus',
    holds: ({ federation, port, xmpp }) => {
      const words = federation.peerTextCharactersMax * 3 + 200;
      return federation.pairsReportedMax * (3 * xmpp.domainCharactersMax * 2 + words + 300) <= port.busPayloadBytesMax;
    },
    planted: { federation: { pairsReportedMax: 1_000 } },
  },
  {
    says: 'one sender has a small share of the new servers of its tenant, and what all have used stays known meanwhile',
    holds: ({ runtime }) =>
      5 * runtime.newPairsBurst <= runtime.newPairsOfTenantBurst &&
      10 * runtime.newPairsPerSecond <= runtime.newPairsOfTenantPerSecond &&
      runtime.newPairsOfTenantBurst < runtime.knownPairsMax,
    planted: { runtime: { newPairsBurst: 2_000 } },
  },
  {
    says: 'the first contacts of one address are few beside those of its domain, and beside its stanzas',
    holds: ({ router }) =>
      10 * router.firstContactsBurst < router.firstContactsOfDomainBurst &&
      router.firstContactsOfDomainBurst < router.remoteStanzasBurst,
    planted: { router: { firstContactsBurst: 100 } },
  },
  {
    says: 'what one address at another server may send is a small share of what its server may',
    holds: ({ s2s, router }) =>
      10 * router.remoteStanzasPerSecond < s2s.peerStanzasPerSecond && 10 * router.remoteStanzasBurst < s2s.peerStanzasBurst,
    planted: { router: { remoteStanzasPerSecond: 1_000 } },
  },
  {
    says: 'what comes from other servers is tried like what comes from sessions, and waits in as many full batches',
    holds: ({ connection, s2s, service }) =>
      s2s.arrivalTimeoutMs === connection.batchTimeoutMs &&
      s2s.arrivalBackoffMaxMs === connection.batchBackoffMaxMs &&
      s2s.arrivingStanzasMax === 4 * service.batchStanzasMax &&
      s2s.arrivingBytesMax === 4 * service.batchBytesMax,
    planted: { s2s: { arrivalTimeoutMs: 1_000 } },
  },
  {
    says: 'a peer that has not read what was sent, and not confirmed it, may still be answered',
    holds: ({ federation }) => federation.unreadBytesMax >= 2 * federation.unconfirmedBytesMax,
    planted: { federation: { unreadBytesMax: 1_000_000 } },
  },
  {
    says: 'both directions call a stream idle after the same time, which is longer than white space and proof take',
    holds: ({ connection, federation }) =>
      connection.peerIdleMs === federation.idleMs &&
      federation.keepAliveMs < federation.idleMs &&
      connection.streamProofMs < connection.peerIdleMs,
    planted: { connection: { peerIdleMs: 60_000 } },
  },
]);

showRelations('components', [
  {
    says: 'the owner may answer late, and ping the stream that is there, before a node gives up letting a component in',
    holds: ({ connection, service }) => connection.ownerAnswerMs + service.componentPingMs < connection.componentAttachMs,
    planted: { service: { componentPingMs: 5_000 } },
  },
  {
    says: 'a component may take two tries to be let in before it is out of time',
    holds: ({ connection }) => 2 * connection.componentAttachMs < connection.componentProofMs,
    planted: { connection: { componentAttachMs: 15_000 } },
  },
  {
    says: 'a node says twice without an answer that it has a component before its stream is taken for lost',
    holds: ({ connection, federation }) =>
      2 * (connection.componentHoldMs + connection.ownerAnswerMs) < federation.componentSilenceMs,
    planted: { connection: { componentHoldMs: 3_000 } },
  },
  {
    says: 'what is for a component waits for longer than it takes to find its stream lost, several times over',
    holds: ({ federation }) => 4 * federation.componentSilenceMs <= federation.componentHoldMs,
    planted: { federation: { componentSilenceMs: 20_000 } },
  },
  {
    says: 'stanzas are given to a node again several times before the stream that it has is taken for lost',
    holds: ({ federation, service }) =>
      4 * (service.forwardTimeoutMs + federation.componentRetryMs) <= federation.componentSilenceMs,
    planted: { federation: { componentRetryMs: 1_000 } },
  },
]);
