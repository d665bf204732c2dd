/** Relations between bounds: signing in, requests between services, clients, clocks, removals and stops. */
import { type Offered, offeredNames } from '../services/router/sasl/mechanisms.ts';
import { scramHashes } from '../services/router/sasl/passwords.ts';
import { showRelations } from './limit-relations.ts';

const offered: Offered = { secure: true, binding: { 'tls-exporter': '' }, hashes: scramHashes };
const mechanismsMax = offeredNames(offered).length;
/** RFC 6455 §5.2: the header of a frame that a client masks. */
const frameHeaderBytesMax = 14;

showRelations('before sign-in', [
  {
    says: 'everything that a peer may send has room for the largest element, stream headers and small elements',
    holds: ({ xmpp }) => xmpp.preauthBytesMax >= xmpp.preauthStanzaBytesMax + 4 * 1024,
    planted: { xmpp: { preauthStanzaBytesMax: 14_000 } },
  },
  {
    says: 'an element may have as much as RFC 6120 §13.12 asks for',
    holds: ({ xmpp }) => xmpp.preauthStanzaBytesMax >= 10_000 && xmpp.stanzaBytesMax >= 10_000,
    planted: { xmpp: { preauthStanzaBytesMax: 9_999 } },
  },
  {
    says: 'frames have room for everything that a peer may send and for a header of each element',
    holds: ({ connection, xmpp }) =>
      connection.preauthFrameBytesMax >= xmpp.preauthBytesMax + xmpp.preauthElementsMax * frameHeaderBytesMax,
    planted: { connection: { preauthFrameBytesMax: 16 * 1024 } },
  },
  {
    says: 'binding takes no longer than a stream may be silent, because XEP-0478 announces one figure for both',
    holds: ({ connection }) => connection.bindTimeoutMs === connection.keepAliveMs,
    planted: { connection: { bindTimeoutMs: 60_000 } },
  },
  {
    says: 'failed attempts are well above twice the mechanisms and below the elements of a peer',
    holds: ({ router, xmpp }) =>
      mechanismsMax > 0 && router.saslMisfitsMax >= 2 * mechanismsMax + 8 && router.saslMisfitsMax < xmpp.preauthElementsMax,
    planted: { router: { saslMisfitsMax: 2 * mechanismsMax } },
  },
  {
    says: 'elements of a peer suffice for as many wrong passwords as a stream may have',
    holds: ({ service, xmpp }) => 3 * service.saslFailuresMax < xmpp.preauthElementsMax,
    planted: { xmpp: { preauthElementsMax: 12 } },
  },
  {
    says: 'wrong passwords on a stream are as few as RFC 6120 §6.4.5 asks for',
    holds: ({ service }) => service.saslFailuresMax >= 2 && service.saslFailuresMax <= 5,
    planted: { service: { saslFailuresMax: 6 } },
  },
  {
    says: 'all clients of an account may come back at once from one address',
    holds: ({ router }) =>
      Math.min(router.passwordDerivationsPerAccountMax, router.signInsPerNetworkMax) >= router.sessionsPerAccountMax,
    planted: { router: { sessionsPerAccountMax: 40 } },
  },
  {
    says: 'a password has the bound of a part of a JID',
    holds: ({ router, xmpp }) => router.passwordBytesMax === xmpp.jidPartBytesMax,
    planted: { router: { passwordBytesMax: 512 } },
  },
  {
    says: 'delays after wrong passwords end before the passwords are forgotten, and earlier for familiar addresses',
    holds: ({ router }) =>
      router.guessDelayMs < router.guessDelayFamiliarMaxMs &&
      router.guessDelayFamiliarMaxMs < router.guessDelayMaxMs &&
      router.guessDelayMaxMs < router.guessesKeepMs,
    planted: { router: { guessesKeepMs: 60_000 } },
  },
  {
    says: 'a familiar address is noted again before it is forgotten',
    holds: ({ router }) => router.familiarRenewMs < router.familiarKeepMs,
    planted: { router: { familiarKeepMs: 1 } },
  },
  {
    says: 'a familiar address is noted before the rows of its account are erased for the last time',
    holds: ({ router }) => router.familiarNoteMs < router.removalQuietMs,
    planted: { router: { familiarNoteMs: 60_000 } },
  },
]);

showRelations('requests that go from service to service', [
  {
    says: 'whoever is asked over NATS may answer for as long as anybody waits for an answer',
    holds: ({ adapter, program, connection, router }) =>
      adapter.natsAnswerMs > Math.max(program.adminTimeoutMs, connection.verifyMs, router.roomErasureTimeoutMs),
    planted: { program: { adminTimeoutMs: 900_000 } },
  },
  {
    says: 'a stanza, and a full batch, fit into one message on the bus',
    holds: ({ port, service, xmpp }) =>
      Math.max(service.batchBytesMax, xmpp.stanzaBytesMax) + 64 * 1024 <= port.busPayloadBytesMax,
    planted: { service: { batchBytesMax: 1024 * 1024 } },
  },
  {
    says: 'a session may have four full batches that no router has answered',
    holds: ({ connection, service }) =>
      connection.ingressStanzasMax === 4 * service.batchStanzasMax && connection.ingressBytesMax === 4 * service.batchBytesMax,
    planted: { service: { batchStanzasMax: 32 } },
  },
  {
    says: 'a router gives up a room or another router before the node gives up the router',
    holds: ({ connection, runtime, service }) =>
      service.forwardTimeoutMs + service.batchBackoffMs - runtime.clocksDifferMs < connection.batchTimeoutMs &&
      service.forwardTimeoutMs < connection.batchTimeoutMs,
    planted: { service: { forwardTimeoutMs: 5_000 } },
  },
  {
    says: 'two tries of a request to DynamoDB fit into the time that a node waits for a batch',
    holds: ({ adapter, connection }) => 2 * adapter.dynamoRequestTimeoutMs < connection.batchTimeoutMs,
    planted: { adapter: { dynamoRequestTimeoutMs: 2_500 } },
  },
  {
    says: 'a batch is sent again until a process that died is found dead, which takes a heartbeat more',
    holds: ({ connection, runtime }) => connection.batchPatienceMs >= runtime.heartbeatDeadMs + runtime.heartbeatMs,
    planted: { runtime: { heartbeatDeadMs: 13_000 } },
  },
  {
    says: 'pauses between tries of a batch are far below its patience',
    holds: ({ connection, service }) =>
      service.batchBackoffMs < connection.batchBackoffMaxMs && 4 * connection.batchBackoffMaxMs < connection.batchPatienceMs,
    planted: { connection: { batchBackoffMaxMs: 4_000 } },
  },
  {
    says: 'what the pages for people may take is below the time of a flight of the canary',
    holds: ({ program }) => program.canaryPagesMs < program.canaryFlightMs,
    planted: { program: { canaryPagesMs: 50_000 } },
  },
  {
    says: 'requests of one process are as many as sessions of a node',
    holds: ({ adapter, connection }) => adapter.busRequestsMax >= connection.streamsPerNodeMax,
    planted: { connection: { streamsPerNodeMax: 100_000 } },
  },
  {
    says: 'open files of the unit are more than sockets of a node',
    holds: ({ program, connection }) => program.serviceFilesMax >= connection.streamsPerNodeMax + 4_096,
    planted: { program: { serviceFilesMax: 50_000 } },
  },
  {
    says: 'a full message of deliveries and one more stanza fit into one message on the bus',
    holds: ({ port, runtime, xmpp }) =>
      runtime.deliveryMessageBytesMax + xmpp.stanzaBytesMax + 64 * 1024 <= port.busPayloadBytesMax,
    planted: { runtime: { deliveryMessageBytesMax: 768 * 1024 } },
  },
  {
    says: 'all answers to a batch fit into one message on the bus',
    holds: ({ port, router }) => router.answersBytesMax + 64 * 1024 <= port.busPayloadBytesMax,
    planted: { router: { answersBytesMax: 1024 * 1024 } },
  },
  {
    says: 'a page of an archive and one more message fit into the answers to a batch',
    holds: ({ router, runtime, xmpp }) =>
      Math.max(runtime.archivePageBytesMax, router.catchUpPageBytesMax) + xmpp.stanzaBytesMax <= router.answersBytesMax,
    planted: { runtime: { archivePageBytesMax: 640 * 1024 } },
  },
  {
    says: 'a roster, and all items of a node, fit into one answer',
    holds: ({ router }) => Math.max(router.rosterBytesMax, router.pepNodeBytesMax) <= router.answersBytesMax,
    planted: { router: { pepNodeBytesMax: 1024 * 1024 } },
  },
  {
    says: 'the stanzas of a session that moves fit into one message on the bus',
    holds: ({ connection, port }) => connection.handOverBytesMax + 128 * 1024 <= port.busPayloadBytesMax,
    planted: { connection: { handOverBytesMax: 1024 * 1024 } },
  },
]);

showRelations('what one client may hold back', [
  {
    says: 'stanzas that features hold back are below those that may be unacknowledged',
    holds: ({ connection }) =>
      connection.heldOutgoingStanzasMax < connection.unackedStanzasMax &&
      connection.heldOutgoingBytesMax < connection.unackedBytesMax,
    planted: { connection: { heldOutgoingBytesMax: 8 * 1024 * 1024 } },
  },
  {
    says: 'what catch-up sends in one go stays below what may be unacknowledged',
    holds: ({ connection, router, service }) =>
      connection.catchUpUnackedMax + service.catchUpPageMax + connection.catchUpBufferStanzasMax <=
        connection.unackedStanzasMax &&
      router.catchUpPageBytesMax + connection.catchUpBufferBytesMax <= connection.unackedBytesMax,
    planted: { connection: { catchUpUnackedMax: 1_000 } },
  },
  {
    says: 'clients are asked for acknowledgements far more often than what came counts as unacknowledged',
    holds: ({ connection, router }) => 10 * connection.ackRequestMs <= router.unackedRecentMs,
    planted: { router: { unackedRecentMs: 10_000 } },
  },
]);

showRelations('clocks and heartbeats', [
  {
    says: 'a process is dead, and the clock is reserved, for more than three heartbeats',
    holds: ({ runtime }) => Math.min(runtime.heartbeatDeadMs, runtime.clockReserveMs) > 3 * runtime.heartbeatMs,
    planted: { runtime: { heartbeatMs: 4_000 } },
  },
  {
    says: "the deployment's time jumps after three heartbeats",
    holds: ({ runtime }) => runtime.clockJumpMs === 3 * runtime.heartbeatMs,
    planted: { runtime: { clockJumpMs: 3_000 } },
  },
  {
    says: 'half of the overlap of catch-up covers a heartbeat and what clocks differ by',
    holds: ({ runtime }) => runtime.catchUpOverlapMs / 2 > runtime.heartbeatMs + runtime.clocksDifferMs,
    planted: { runtime: { catchUpOverlapMs: 7_000 } },
  },
  {
    says: 'a batch is slow when it took half of the time until a process is dead',
    holds: ({ room, runtime }) => 2 * room.stallMs === runtime.heartbeatDeadMs,
    planted: { room: { stallMs: 10_000 } },
  },
  {
    says: 'a request is dropped later than clocks differ, and sessions are told apart by more',
    holds: ({ room, runtime }) => room.lateMs >= runtime.clocksDifferMs && room.sessionClockSkewMs > runtime.clocksDifferMs,
    planted: { room: { lateMs: 500 } },
  },
  {
    says: 'a worker shows the last batch again for longer than it takes to find a worker dead',
    holds: ({ room, runtime }) => room.showAgainMs > runtime.heartbeatDeadMs,
    planted: { room: { showAgainMs: 10_000 } },
  },
  {
    says: 'a greeting is reused for less time than a tenant is cached, and that is at most a second',
    holds: ({ router, runtime }) => router.greetingKeepMs < runtime.tenantCacheMs && runtime.tenantCacheMs <= 1_000,
    planted: { runtime: { tenantCacheMs: 2_000 } },
  },
]);

showRelations('removals and stops', [
  {
    says: 'a removal is taken over later than its process has stopped, by what a write may take',
    holds: ({ router, runtime }) =>
      3 * runtime.removalBeatMs < runtime.removalLeaseMs && runtime.removalLeaseMs + router.lateWriteMs <= router.removalStaleMs,
    planted: { router: { removalStaleMs: 12_000 } },
  },
  {
    says: "requests of a removed account are waited for: a node's patience, a late write, the way to a room, and what clocks differ by",
    holds: ({ connection, router, runtime, service }) =>
      router.removalQuietMs >= connection.batchTimeoutMs + router.lateWriteMs + service.forwardTimeoutMs + runtime.clocksDifferMs,
    planted: { router: { lateWriteMs: 10_000 } },
  },
  {
    says: 'a command is told how far a removal is before it gives up',
    holds: ({ program, router }) =>
      program.removalWaitMs <= router.removalAnswerMs && router.removalAnswerMs < program.adminTimeoutMs,
    planted: { program: { adminTimeoutMs: 1_000 } },
  },
  {
    says: 'sockets, buses and web pages are closed before a stop is over',
    holds: ({ adapter, connection, program, service, web }) =>
      Math.max(adapter.busCloseMs, connection.closeTimeoutMs, web.webCloseMs, program.closingMs) < service.shutdownMs,
    planted: { service: { shutdownMs: 5_000 } },
  },
  {
    says: 'a stop can be given more time than it has otherwise',
    holds: ({ program, service }) => program.stopSecondsMax * 1_000 > service.shutdownMs,
    planted: { program: { stopSecondsMax: 10 } },
  },
  {
    says: 'a protection is renewed long before it ends, and a process ends by itself only when it has had none for a while',
    holds: ({ program }) =>
      2 * program.protectionRenewMs < program.protectionMinutes * 60_000 && program.drainedLingerMs > program.protectionEmptyMs,
    planted: { program: { protectionMinutes: 20 } },
  },
  {
    says: 'the row of a parked session is there when a node says that it has claimed it',
    holds: ({ router, runtime }) => router.parkedClaimMs < runtime.parkedKeepMs,
    planted: { runtime: { parkedKeepMs: 10_000 } },
  },
]);
