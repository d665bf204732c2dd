/** Relations between bounds: rows of the store, rooms, rosters, PEP, files, push, sockets and certificates. */
import { directoryParts } from '../lib/runtime/directory.ts';
import { scramIterations } from '../services/router/sasl/passwords.ts';
import { showRelations } from './limit-relations.ts';

/** XEP-0084: an avatar of 190 KiB in base64 with line breaks. */
const avatarBytes = 266_000;
/** JSON escapes a character of XML with at most one more. */
const escaped = 2;
const mebibyte = 1024 * 1024;

showRelations('rows of the store', [
  {
    says: 'a store gives all guests of a tenant at once, and those that have just ended; a stream ends before its guest does',
    holds: ({ guest, port, runtime, connection }) =>
      guest.guestRowsMax <= port.storeQueryRowsMax &&
      runtime.guestsMax < guest.guestRowsMax &&
      runtime.guests <= runtime.guestsMax &&
      connection.preauthTimeoutMs < guest.guestUnboundMs,
    planted: { guest: { guestUnboundMs: 20_000 } },
  },
  {
    says: 'a question to the system of a tenant ends before its batch is sent again',
    holds: ({ outside, connection }) => outside.outsideMs < connection.batchTimeoutMs,
    planted: { outside: { outsideMs: 5_000 } },
  },
  {
    says: 'a stanza fits into a row',
    holds: ({ port, xmpp }) => xmpp.stanzaBytesMax < port.storeValueBytesMax,
    planted: { xmpp: { stanzaBytesMax: 400_000 } },
  },
  {
    says: 'a parked session and an item of PEP fit into a row with their keys and names',
    holds: ({ port, router, runtime }) =>
      Math.max(runtime.parkedRowBytesMax, router.pepItemRowBytesMax) + 2 * port.storeKeyBytesMax < port.storeValueBytesMax,
    planted: { runtime: { parkedRowBytesMax: 380_000 } },
  },
  {
    says: 'the row with all sessions has room for some binds beside presence',
    holds: ({ port, router }) => router.presenceItemBytesMax + 32 * 1024 <= port.storeValueBytesMax,
    planted: { router: { presenceItemBytesMax: 370_000 } },
  },
  {
    says: 'rows with nodes of PEP fit into a row',
    holds: ({ port, router }) => router.pepRowBytesMax < port.storeValueBytesMax,
    planted: { router: { pepRowBytesMax: 400_000 } },
  },
  {
    says: 'what subscribers are to be told fits into a row, and with addresses at another server into one of the outbox',
    holds: ({ port, pubsub, router }) =>
      pubsub.fanOutBytesMax + pubsub.pageAddressesCharactersMax + 4 * 1024 < port.storeValueBytesMax &&
      router.pepItemBytesMax + escaped * router.pepNodeNameBytesMax < pubsub.fanOutBytesMax,
    planted: { pubsub: { fanOutBytesMax: 360_000 } },
  },
  {
    says: 'a router has a fan-out to itself until another one looks for it, and it is known to be done for longer than a batch is sent again',
    holds: ({ connection, pubsub }) =>
      pubsub.fanOutLeaseMs < pubsub.fanOutOverdueMs && 10 * connection.batchTimeoutMs < pubsub.fanOutDoneMs,
    planted: { pubsub: { fanOutLeaseMs: 15_000 } },
  },
  {
    says: 'a vCard and an element of private XML fit into a row when JSON doubles them',
    holds: ({ port, router }) =>
      escaped * Math.max(router.vcardBytesMax, router.privateElementBytesMax) < port.storeValueBytesMax,
    planted: { router: { vcardBytesMax: 200_000 } },
  },
  {
    says: 'the blocklist and the archiving preferences fit into the cache of rows',
    holds: ({ adapter, router }) =>
      Math.max(router.blocklistBytesMax, router.archivePreferencesBytesMax) <= adapter.rowCacheRowCharactersMax,
    planted: { adapter: { rowCacheRowCharactersMax: 32 * 1024 } },
  },
  {
    says: 'what is part of a key fits into it',
    holds: ({ port, room, router }) =>
      Math.max(router.pepItemIdBytesMax, router.rosterAddressBytesMax, router.privateKeyBytesMax, room.jidKeyBytesMax) +
        router.accountKeyBytes <=
      port.storeKeyBytesMax,
    planted: { router: { rosterAddressBytesMax: 1_023 } },
  },
  {
    says: 'a page that is erased has at most 38 MB',
    holds: ({ port, runtime }) => runtime.eraseRowsMax * port.storeValueBytesMax <= 38_000_000,
    planted: { runtime: { eraseRowsMax: 200 } },
  },
  {
    says: 'what one query or one batch of keys reads is allowed',
    holds: ({ port, pubsub, room, router, runtime, service, xmpp }) =>
      Math.max(xmpp.rsmPageMax, service.catchUpPageMax, runtime.nodesPageMax, runtime.eraseRowsMax, room.searchRowsMax) <=
        port.storeQueryRowsMax &&
      Math.max(pubsub.listedNodesMax, pubsub.fanOutsPerSweep, pubsub.nodesKnownMax) <= port.storeQueryRowsMax &&
      Math.max(room.sweepAccountsMax, router.pepSubscribersMax) <= port.storeBatchKeysMax,
    planted: { room: { searchRowsMax: 2_000 } },
  },
  {
    says: 'DynamoDB has sockets for single calls beside its batches',
    holds: ({ adapter }) => adapter.dynamoBatchesMax < adapter.dynamoSocketsMax,
    planted: { adapter: { dynamoBatchesMax: 64 } },
  },
]);

showRelations('rooms', [
  {
    says: 'the rows of one request and a full batch fit into one row of the store',
    holds: ({ port, room }) => room.turnBytesMax + room.batchBytesMax < port.storeValueBytesMax,
    planted: { room: { batchBytesMax: 128 * 1024 } },
  },
  {
    says: 'a message with escapes fits twice into the rows of one request, and so does a vCard',
    holds: ({ room }) => 2 * escaped * room.messageBytesMax <= room.turnBytesMax && 2 * room.vcardBytesMax <= room.turnBytesMax,
    planted: { room: { vcardBytesMax: 180_000 } },
  },
  {
    says: 'one query counts the rooms of a part of the directory',
    holds: ({ port, runtime }) => runtime.roomsMax / directoryParts <= port.storeQueryRowsMax,
    planted: { runtime: { roomsMax: 32_000 } },
  },
  {
    says: 'each part of the directory may have a whole number of the rooms of an account',
    holds: ({ room }) => Number.isInteger(room.roomsPerAccountMax / directoryParts),
    planted: { room: { roomsPerAccountMax: 100 } },
  },
  {
    says: 'answers may be as many as requests',
    holds: ({ room }) => room.answersBurst === room.requestsBurst && room.answersPerSecond === room.requestsPerSecond,
    planted: { room: { answersBurst: 100 } },
  },
  {
    says: 'the state row keeps fewer ids of handled requests than the memory, and those of a batch',
    holds: ({ room }) => room.handledStoredMax < room.handledMax && room.handledStoredMax >= room.batchMax,
    planted: { room: { batchMax: 128 } },
  },
  {
    says: 'a nick fits into the resource of a JID',
    holds: ({ room, xmpp }) => room.nickBytesMax <= xmpp.jidPartBytesMax,
    planted: { room: { nickBytesMax: 2_000 } },
  },
  {
    says: 'places for admins are a small part of a room',
    holds: ({ room }) => 10 * room.sessionsKeptForAdmins < room.sessionsMax,
    planted: { room: { sessionsMax: 100 } },
  },
]);

showRelations('rosters, PEP and files', [
  {
    says: 'a client gets pushes for less than half of the removed items that are remembered',
    holds: ({ router }) => 2 * router.rosterChangesMax < router.rosterTombstonesMax,
    planted: { router: { rosterChangesMax: 500 } },
  },
  {
    says: 'an avatar fits into an item, and an item into a stanza',
    holds: ({ router, xmpp }) => avatarBytes < router.pepItemBytesMax && router.pepItemBytesMax < xmpp.stanzaBytesMax,
    planted: { router: { pepItemBytesMax: 256 * 1024 } },
  },
  {
    says: 'the longest file at the lowest speed takes no longer than a request may',
    holds: ({ runtime, service, web }) =>
      ((runtime.fileMegabytesMax * mebibyte) / web.uploadBytesPerSecondMin) * 1_000 <= service.uploadRequestMs,
    planted: { web: { uploadBytesPerSecondMin: 16 * 1024 } },
  },
  {
    says: 'an account has fewer uploads than an address, that has fewer than a tenant, and that fewer than a process',
    holds: ({ web }) =>
      web.uploadsPerAccountMax < web.uploadsPerNetworkMax &&
      web.uploadsPerNetworkMax < web.uploadsPerTenantMax &&
      web.uploadsPerTenantMax < web.uploadsAtOnceMax,
    planted: { web: { uploadsPerTenantMax: 400 } },
  },
  {
    says: 'a file that counts as more than it has is far below the largest one, which is below the month',
    holds: ({ router, runtime: { fileMegabytesMax, uploadMegabytes } }) =>
      100 * router.uploadCountedBytesMin < fileMegabytesMax * mebibyte && fileMegabytesMax < uploadMegabytes,
    planted: { runtime: { fileMegabytesMax: 4 } },
  },
  {
    says: 'a slot ends before the signature of its URL does, and its name fits into the key of a blob percent-encoded',
    holds: ({ adapter, port, router, xmpp }) =>
      router.uploadSlotMs < adapter.s3SlotSecondsMax * 1_000 &&
      xmpp.domainCharactersMax + 64 + 3 * router.uploadNameBytesMax < port.blobKeyBytesMax,
    planted: { router: { uploadNameBytesMax: 255 } },
  },
]);

/** Characters of a line of PEM. A form has six for the end of the line, and three for each `+` and `/`, which are two of 64. */
const lineOfPem = 65;
const moreInForm = 5 + 2 * 2;

showRelations('sockets and certificates', [
  {
    says: 'one address or tenant cannot use up what a node accepts',
    holds: ({ connection }) =>
      connection.acceptsPerAddressPerSecond < connection.acceptsPerSecond &&
      connection.acceptsPerAddressBurst < connection.acceptsBurst &&
      connection.opensPerTenantPerSecond < connection.acceptsPerSecond &&
      connection.socketsPerNetworkMax < connection.streamsPerNodeMax &&
      connection.strangersPerNetworkMax < connection.socketsPerNetworkMax,
    planted: { connection: { acceptsPerAddressBurst: 2_000 } },
  },
  {
    says: 'resuming costs less than binding, and tokens suffice for it',
    holds: ({ connection }) =>
      connection.resumeTokens < connection.bindTokens && connection.bindTokens <= connection.readyTokensBurst,
    planted: { connection: { resumeTokens: 4 } },
  },
  {
    says: 'a certificate with its key fits into a request of an operator: of the API, by a form, or by command',
    holds: ({ api, console, port, program, runtime }) => {
      const lines = (runtime.certificateBytesMax + port.sealedBytesMax) / lineOfPem;
      const asJson = runtime.certificateBytesMax + port.sealedBytesMax + lines;
      const asForm = asJson + lines * moreInForm;
      return asJson < Math.min(api.bodyBytesMax, program.adminLineBytesMax) && asForm < console.bodyBytesMax;
    },
    planted: { console: { bodyBytesMax: 48 * 1024 } },
  },
  {
    says: 'the console marks a certificate when `skylark doctor` warns, which is before the doctor calls it a failure',
    holds: ({ console, program }) =>
      console.certificateDaysMin === program.doctorDaysLeftSoonMin && program.doctorDaysLeftMin < program.doctorDaysLeftSoonMin,
    planted: { console: { certificateDaysMin: 30 } },
  },
  {
    says: 'a domain has the time that its records take to be seen',
    holds: ({ adapter, certificate }) => adapter.dnsChangeMs + certificate.dnsSeenMs < certificate.renewalDomainMs,
    planted: { certificate: { renewalDomainMs: 120_000 } },
  },
  {
    says: 'what doubles does not begin above its bound',
    holds: ({ adapter, certificate, program, room }) =>
      adapter.dynamoPauseBaseMs < adapter.dynamoPauseMaxMs &&
      certificate.renewalPauseMs < certificate.renewalPauseMaxMs &&
      certificate.acmePollMs < certificate.acmePollMaxMs &&
      program.processRestartMs < program.processRestartMsMax &&
      room.lookMs < room.lookMaxMs,
    planted: { room: { lookMaxMs: 50 } },
  },
  {
    says: 'the doctor accepts the iterations of SCRAM that Skylark asks for',
    holds: ({ program }) => program.doctorIterationsMin <= scramIterations && scramIterations <= program.doctorIterationsMax,
    planted: { program: { doctorIterationsMin: 20_000 } },
  },
  {
    says: 'a domain name fits into the domain of a JID',
    holds: ({ xmpp }) => xmpp.domainCharactersMax <= xmpp.jidPartBytesMax,
    planted: { xmpp: { domainCharactersMax: 2_000 } },
  },
]);

/** Units of writing that one partition of DynamoDB takes in a second. */
const partitionWrites = 1_000;
/** Pushes that have to wait, a second: each is written and deleted. */
const waitingPushes = 10_000;

showRelations('tokens of tenants’ own systems', [
  {
    says: 'a token fits into an element before sign-in, in base64 and with what stands around it',
    holds: ({ jwt, xmpp }) => Math.ceil(jwt.jwtCharactersMax / 3) * 4 + 512 < xmpp.preauthStanzaBytesMax,
    planted: { jwt: { jwtCharactersMax: 8_192 } },
  },
  {
    says: 'a set of keys is tried again sooner than it is old, and is old long before it is given up',
    holds: ({ jwt }) => jwt.jwksPauseMs < jwt.jwksKeepMs && 10 * jwt.jwksKeepMs < jwt.jwksStaleMs,
    planted: { jwt: { jwksPauseMs: 600_000 } },
  },
]);

showRelations('push', [
  {
    says: 'a registration fits into a row when JSON doubles it, and a notification with its options into a stanza',
    holds: ({ port, router, xmpp }) => {
      const bytes = router.pushNodeBytesMax + router.pushOptionsBytesMax + 2 * xmpp.jidPartBytesMax * 3;
      return escaped * bytes < port.storeValueBytesMax && escaped * bytes < xmpp.stanzaBytesMax;
    },
    planted: { router: { pushOptionsBytesMax: 192 * 1024 } },
  },
  {
    says: 'all registrations of an account, and what is late in one list, are read by one query',
    holds: ({ port, router }) => Math.max(2 * router.pushRegistrationsMax, router.pushDueMax) <= port.storeQueryRowsMax,
    planted: { router: { pushDueMax: 5_000 } },
  },
  {
    says: 'a push is left to other routers only when it is late by more than a pause',
    holds: ({ router }) => router.pushPauseMs < router.pushOverdueMs,
    planted: { router: { pushOverdueMs: 1_000 } },
  },
  {
    says: 'lists of pushes that wait take what is written, with room for lists that get more than others',
    holds: ({ router }) => 1.5 * 2 * waitingPushes <= router.pushDueLists * partitionWrites,
    planted: { router: { pushDueLists: 16 } },
  },
  {
    says: 'all lists of pushes that wait are read in 12 s, and those of parked sessions in 50 s',
    holds: ({ program, router, runtime }) => {
      const inMs = (lists: number) => Math.ceil(lists / program.listsPerRound) * runtime.heartbeatMs;
      return inMs(router.pushDueLists) <= 12_000 && inMs(runtime.parkedShards) <= 50_000;
    },
    planted: { program: { listsPerRound: 4 } },
  },
  {
    says: 'a session whose client can be woken can be resumed for longer than others: for an hour at least',
    holds: ({ service }) => service.resumeTimeoutMs < 60 * 60 * 1_000,
    planted: { service: { resumeTimeoutMs: 2 * 60 * 60 * 1_000 } },
  },
]);
